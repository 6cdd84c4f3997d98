#!/usr/bin/env bash
# Makes the virtual environment if it is not there. Usage: make_venv.sh DIRECTORY [PYTHON]
set -euo pipefail
venv=${1:?directory} python=${2:-python3.11}
if [ -x "$venv/bin/pip" ]; then exit 0; fi
command -v "$python" >/dev/null || { echo "$python was not found: install Python 3.11, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$python is not Python 3.11: the locks hold for 3.11 only" >&2; exit 1; }
# Debian splits ensurepip off into a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3.11-venv >/dev/null
  elif sudo -n true 2>/dev/null; then
    sudo -n apt-get update -qq && sudo -n apt-get install -y -qq --no-install-recommends python3.11-venv >/dev/null
  else
    echo "Python's venv module is missing. Run:  sudo apt-get install -y --no-install-recommends python3.11-venv" >&2
    exit 1
  fi
fi
"$python" -m venv "$venv"
