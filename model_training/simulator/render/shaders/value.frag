#version 330
in float carried;
out float written;
void main() { written = carried; }
