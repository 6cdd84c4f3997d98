#!/usr/bin/env bash
# Makes the virtual environment if it is not there, with the Python named or the newest one that works.
# Usage: make_venv.sh DIRECTORY [PYTHON]
set -euo pipefail
venv=${1:?directory} python=${2:-}
if [ -x "$venv/bin/pip" ]; then exit 0; fi

# Run, not looked up: a version manager leaves a command for versions that are not switched on.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

if [ -z "$python" ]; then
  # One that can make an environment at once comes before a newer one that first needs a package of the system.
  for ready in has_venv true; do
    for candidate in python3.14 python3.13 python3.12 python3.11; do
      if [ "$(version_of "$candidate")" = "${candidate#python}" ] && "$ready" "$candidate"; then
        python=$candidate
        break 2
      fi
    done
  done
  [ -n "$python" ] || { echo "no Python 3.11 to 3.14 was found: install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
fi
version=$(version_of "$python") || { echo "$python does not start: name a Python 3.11 to 3.14: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
case "$version" in
  3.11 | 3.12 | 3.13 | 3.14) ;;
  *) echo "$python is Python $version: the locks hold for Python 3.11 to 3.14" >&2; exit 1 ;;
esac

# Debian splits ensurepip off into a package of its own.
if ! has_venv "$python"; then
  package=python$version-venv
  if [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  elif sudo -n true 2>/dev/null; then
    sudo -n apt-get update -qq && sudo -n apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  else
    echo "Python's venv module is missing. Run:  sudo apt-get install -y --no-install-recommends $package" >&2
    exit 1
  fi
fi
"$python" -m venv "$venv"
