// Compiled once for each KIND of surface (the renderer puts "#version" and "#define KIND" before this text), because software
// rendering runs every branch of a shader: 0 skin, 1 eye, 2 plain (teeth, tongue, frame of the glasses), 4 lashes, 5 long hair, 7 lens.
in vec3 view_position;
in vec3 view_normal;
in vec2 texture_uv;
in vec3 place;
in vec3 shadow_place;
flat in int kind;
out vec4 colour;

uniform sampler2D lips_mask;
uniform sampler2D mouth_mask;
uniform sampler3D noise_volume;
uniform sampler2DShadow shadow_map;

uniform vec3 skin_colour;
uniform vec3 lip_colour;
uniform vec3 brow_colour;
uniform vec3 hair_colour;
uniform vec3 beard_colour;
uniform vec3 iris_colour;
uniform vec3 teeth_colour;
uniform vec3 glasses_colour;
uniform vec3 light_direction; // camera space, unit length
uniform vec3 light_colour;
uniform float key_light;
uniform float ambient_light;
uniform float fill_light;   // a second, weaker light from the other side
uniform float shadow_depth; // how dark a shadow is, 0 .. 1
uniform float gloss;
uniform float blotches;
uniform float spots;
uniform float texture_seed;
uniform float brow_thickness;
uniform float brow_height;
uniform float brow_density;
uniform float brow_arch;
uniform float hairline;
uniform float temple_hair;
uniform float hair_length;  // height in metres below which the long hair is cut off
uniform float beard_density;
uniform float moustache_density;
uniform float lens_tint;
uniform float pupil;
uniform float iris_edge;
uniform vec2 forehead_lines; // left, right; likewise below
uniform vec2 nose_fold;
uniform vec2 crow_feet;
uniform vec2 frown_lines;

float noise(vec3 at) { return texture(noise_volume, at / 32.0 + texture_seed).r; }

float bell(float x, float width) { return exp(-x * x / (width * width)); }

void main() {
    vec3 N = normalize(view_normal);
    vec3 V = normalize(-view_position);
    if (dot(N, V) < 0.0) N = -N;
    vec3 H = normalize(light_direction + V);
    vec3 base_colour;
    float specular = 0.10 * gloss;
    float shine = 18.0;
    float opacity = 1.0;
    float x = abs(place.x), y = place.y, z = place.z;
    float left = smoothstep(-0.006, 0.006, place.x);
#if KIND == 0
        // Three noise look-ups serve everything, they are the dearest part: blotches, pores, and strands of brow, beard or hair.
        float blotch = noise(place * 110.0);
        float pore = noise(place * 640.0);
        float edge = hairline + 0.012 * (blotch - 0.5) - 0.35 * max(0.0, y + 0.085) - temple_hair * max(0.0, x - 0.052) * step(-0.12, y);
        float hair = smoothstep(edge, edge + 0.006, z) * (1.0 - step(0.066, x) * step(z, 0.70));
        hair = max(hair, smoothstep(-0.045, -0.035, y) * smoothstep(0.665, 0.68, z) * smoothstep(0.078, 0.074, x));
        vec3 grain = hair > 0.0 ? vec3(700.0, 60.0, 60.0) : z > 0.71 ? vec3(900.0, 200.0, 420.0) : vec3(800.0, 300.0, 420.0);
        float strands = noise(place * grain);
        base_colour = skin_colour * (0.94 + blotches * (blotch - 0.5) + 0.09 * (pore - 0.5));
        float front = smoothstep(-0.06, -0.10, y);
        // Blood: cheeks and tip of the nose. Pigment: round the eyes. Moles and freckles.
        float blush = exp(-((x - 0.042) * (x - 0.042) + (z - 0.695) * (z - 0.695)) / 0.0006) + exp(-(x * x + (z - 0.688) * (z - 0.688)) / 0.0002);
        base_colour *= mix(vec3(1.0), vec3(1.08, 0.84, 0.82), 0.6 * blush * front);
        float orbit = exp(-((x - 0.032) * (x - 0.032) / 0.0004 + (z - 0.728) * (z - 0.728) / 0.00012));
        base_colour *= mix(vec3(1.0), vec3(0.80, 0.70, 0.68), 0.55 * orbit * front);
        base_colour *= 1.0 - spots * smoothstep(0.74, 0.90, pore) * front;
        // Lines of the forehead, frown lines, crow's feet and the fold beside the nose: the nerve draws them, side by side.
        float line_z = z + 3.0 * x * x - 0.0010 * blotch;
        float wave = 0.5 + 0.5 * cos((line_z - 0.760) * 6.2832 / 0.0075);
        wave *= wave * wave;
        float lines = wave * wave * smoothstep(0.757, 0.763, z) * smoothstep(0.788, 0.780, z) * smoothstep(0.055, 0.035, x) * front;
        base_colour *= 1.0 - 0.42 * lines * mix(forehead_lines.y, forehead_lines.x, left);
        float frown = bell(x - 0.008 - 0.10 * (z - 0.745), 0.0013) * smoothstep(0.734, 0.742, z) * smoothstep(0.764, 0.752, z) * front;
        base_colour *= 1.0 - 0.40 * frown * mix(frown_lines.y, frown_lines.x, left);
        vec2 outer = vec2(x - 0.0475, z - 0.727);
        float feet = pow(0.5 + 0.5 * cos(atan(outer.y, outer.x) * 9.0), 5.0) * smoothstep(0.002, 0.006, length(outer)) * smoothstep(0.019, 0.010, length(outer)) * step(0.0, outer.x);
        base_colour *= 1.0 - 0.35 * feet * mix(crow_feet.y, crow_feet.x, left);
        vec2 top = vec2(0.0175, 0.692), bottom = vec2(0.034, 0.655);
        float along = clamp(dot(vec2(x, z) - top, bottom - top) / dot(bottom - top, bottom - top), 0.0, 1.0);
        vec2 fold_point = top + along * (bottom - top) + vec2(0.004 * sin(3.14 * along), 0.0);
        base_colour *= 1.0 - 0.42 * bell(length(vec2(x, z) - fold_point), 0.0022) * mix(nose_fold.y, nose_fold.x, left) * front;
        float lip = texture(lips_mask, texture_uv).r;
        base_colour = mix(base_colour, lip_colour * (0.9 + 0.2 * pore), lip * front * 0.85);
        specular = mix(specular, 0.28, lip);
        // Beard and moustache: jaw, chin and upper lip, thinner on the cheeks, none on the lips.
        float jaw = smoothstep(0.672, 0.648, z - 0.55 * max(0.0, x - 0.036)) * smoothstep(0.592, 0.606, z) * smoothstep(-0.045, -0.058, y);
        float whiskers = jaw * beard_density;
        float over_lip = smoothstep(0.681, 0.676, z) * smoothstep(0.652, 0.658, z) * smoothstep(0.030, 0.022, x) * smoothstep(-0.11, -0.125, y);
        whiskers = max(whiskers, over_lip * moustache_density) * (1.0 - lip) * smoothstep(0.05, 0.55, strands + 0.35 * max(beard_density, moustache_density));
        base_colour = mix(base_colour, beard_colour * (0.6 + 0.8 * strands), clamp(whiskers, 0.0, 0.95));
        // Brows: strands within an arch, thinning outwards.
        float t = (x - 0.010) / 0.045;
        float ct = clamp(t, 0.0, 1.0);
        float brow_z = 0.7440 + brow_height + brow_arch * sin(ct * 2.4) - 0.003 * t;
        float half_width = brow_thickness * mix(1.0, 0.45, ct);
        float brow = smoothstep(half_width, half_width * 0.45, abs(z - brow_z)) * smoothstep(-0.02, 0.10, t) * smoothstep(1.05, 0.80, t) * front;
        brow *= brow_density * (0.62 + 0.62 * strands);
        base_colour = mix(base_colour, brow_colour, clamp(brow, 0.0, 1.0) * 0.92);
        // Short hair is painted on the scalp.
        base_colour = mix(base_colour, hair_colour * (0.6 + 0.8 * strands), hair);
        specular = mix(specular, 0.15, hair);
        base_colour = mix(base_colour, vec3(0.20, 0.05, 0.05), texture(mouth_mask, texture_uv).r);
#elif KIND == 1
        vec3 d = normalize(place);
        float off_axis = acos(clamp(-d.y, -1.0, 1.0));
        base_colour = vec3(0.86, 0.83, 0.80) * (1.0 - 0.40 * smoothstep(0.55, 1.2, off_axis));
        float across = off_axis * (0.44 / iris_edge);
        float ring = noise(vec3(atan(d.x, d.z) * 9.0, off_axis * 6.0, 1.0));
        vec3 iris = iris_colour * (0.7 + 0.6 * ring) * mix(0.55, 1.0, smoothstep(0.44, 0.32, across));
        base_colour = mix(base_colour, iris, smoothstep(0.47, 0.41, across));
        base_colour = mix(base_colour, vec3(0.015), smoothstep(pupil + 0.015, pupil - 0.015, off_axis));
        specular = 0.75;
        shine = 500.0;
#elif KIND == 2
        base_colour = kind == 2 ? teeth_colour : kind == 3 ? vec3(0.55, 0.22, 0.22) : glasses_colour;
        specular = 0.35;
        shine = 40.0;
#elif KIND == 4
        base_colour = vec3(0.04, 0.03, 0.03);
        specular = 0.0;
        opacity = z > 0.728 ? 0.50 : 0.14;
#elif KIND == 5
        float strand = noise(vec3(place.x * 420.0, y * 420.0, z * 14.0));
        // The helper hangs over the face: it is parted from the middle of the hairline down to the sides.
        float opening = 0.066 * sqrt(clamp((0.822 - z) / 0.055, 0.0, 1.0)) + 0.012 * (strand - 0.5);
        if (z < hair_length + 0.03 * strand || (y < -0.03 && x < opening)) discard;
        base_colour = hair_colour * (0.45 + 1.0 * strand);
        specular = 0.12;
#else
        base_colour = glasses_colour;
        specular = 0.8;
        shine = 200.0;
        opacity = lens_tint;
#endif
    float facing = dot(N, light_direction);
    float lit = 1.0;
    if (shadow_depth > 0.0) {
        vec3 at = vec3(shadow_place.xy, shadow_place.z - 0.006 - 0.010 * (1.0 - max(0.0, facing)));
        float e = 1.5 / 384.0;
        lit = 0.25 * (texture(shadow_map, at + vec3(e, e, 0.0)) + texture(shadow_map, at + vec3(-e, e, 0.0)) + texture(shadow_map, at + vec3(e, -e, 0.0)) + texture(shadow_map, at + vec3(-e, -e, 0.0)));
        lit = 1.0 - shadow_depth * (1.0 - lit);
    }
    float diffuse = lit * max(0.0, (facing + 0.25) / 1.25);
    float filled = fill_light * max(0.0, dot(N, vec3(-light_direction.x, light_direction.y, light_direction.z)));
    float sky = 0.5 + 0.5 * N.y;
    // Teeth and tongue lie in the dark of the mouth.
    float cavity = (kind == 2 || kind == 3) ? 0.62 : 1.0;
    vec3 light = ambient_light * mix(vec3(0.75, 0.72, 0.72), vec3(1.0), sky) * mix(0.6, 1.0, max(0.0, dot(N, V))) + (key_light * diffuse + filled) * light_colour;
    vec3 radiance = base_colour * light * cavity + specular * key_light * lit * light_colour * pow(max(0.0, dot(N, H)), shine) * step(0.0, facing);
    colour = vec4(pow(clamp(radiance, 0.0, 1.0), vec3(1.0 / 2.2)), opacity);
}
