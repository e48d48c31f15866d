#!/bin/sh
# Creates the virtual environment of this repository's tools: bootstrap.sh PYTHON VENV
# Needs only a Python; prints what to do if that is too old or incomplete.
set -eu
python=$1
venv=$2

fail() {
  echo "$*" >&2
  exit 1
}
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

# Debian and Ubuntu keep the venv module in a package of its own.
if ! { command -v "$python" >/dev/null && has_venv; } && can_install; then
  echo "installing python3-venv with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  output=$( (apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv) 2>&1) ||
    fail "apt-get could not install python3-venv: $(echo "$output" | tail -n 5)"
fi
command -v "$python" >/dev/null ||
  fail "Python 3.11 or later is needed, and there is no $python. Name one: make PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "Python 3.11 or later is needed; $python is $("$python" -V 2>&1). Name one: make PYTHON=..."
has_venv || fail "$python has no venv module; on Debian or Ubuntu: apt-get install python3-venv"

echo "setting up $venv (the first time, or pyproject.toml has changed)"
uv=$(sed -n 's/.*"\(uv==[^"]*\)".*/\1/p' pyproject.toml)
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$uv"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --group dev
touch "$venv/.ready"
