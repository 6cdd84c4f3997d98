#!/usr/bin/env bash
# Sees to the Debian libraries that wheels load but do not carry.
# Usage: system_libraries.sh service|dev
#   service  EGL and GLES, which MediaPipe links against
#   dev      also Mesa's software renderer, for the simulator (no display and no GPU needed)
# Installs what is missing when it may (root, or sudo without a password); otherwise names the command and fails.
set -euo pipefail

declare -A package_of=(
  [libEGL.so.1]=libegl1 [libGLESv2.so.2]=libgles2
)
if [ "${1:?service or dev}" = dev ]; then
  package_of+=([libGL.so.1]=libgl1 [libEGL_mesa.so.0]=libegl-mesa0 [dri/swrast_dri.so]=libgl1-mesa-dri)
fi

known=$(/sbin/ldconfig -p)
missing=()
for library in "${!package_of[@]}"; do
  if ! grep -qF "$library" <<<"$known" && ! compgen -G "/usr/lib/*/$library" >/dev/null; then
    missing+=("${package_of[$library]}")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "These libraries are missing: ${missing[*]} (Debian's names). Install them with your system's package manager." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "Debian packages are missing. Run:  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
echo "installing Debian packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
