#version 330
in vec3 position;
in float value;
uniform mat4 model_view_projection;
out float carried;
void main() { carried = value; gl_Position = model_view_projection * vec4(position, 1.0); }
