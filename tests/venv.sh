#!/bin/sh
# Makes tests/.venv with the packages of requirements.txt, or leaves it as it is when they have not
# changed since. Prints the path of its pytest.
set -eu
cd "$(dirname "$0")"
if ! cmp -s requirements.txt .venv/requirements.txt; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt >&2
    cp requirements.txt .venv/requirements.txt
fi
echo "$PWD/.venv/bin/pytest"
