#version 330
// One render corner: position and normal change with the face, the rest belongs to the head.
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 base;      // place on the undeformed base mesh (eyeballs: relative to their centre), for painting
in float material; // 0 skin, 1 eye, 2 teeth, 3 tongue, 4 lashes, 5 long hair, 6 frame of the glasses, 7 lens
uniform mat4 model_view;
uniform mat4 projection;
uniform mat4 light_view; // camera space -> shadow map, 0 .. 1
out vec3 view_position;
out vec3 view_normal;
out vec2 texture_uv;
out vec3 place;
out vec3 shadow_place;
flat out int kind;
void main() {
    vec4 viewed = model_view * vec4(position, 1.0);
    view_position = viewed.xyz;
    view_normal = mat3(model_view) * normal;
    texture_uv = uv;
    place = base;
    shadow_place = (light_view * vec4(viewed.xyz, 1.0)).xyz;
    kind = int(material + 0.5);
    gl_Position = projection * viewed;
}
