#!/usr/bin/env bash
# Installs what tests/compat needs beside tests/requirements.txt: Node, npm, Go, PHP and Ruby where they are
# missing, the packages of node/package-lock.json, the receivers in Go. Cheap when nothing changed.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=deploy/packages.sh
. ../../deploy/packages.sh

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v go >/dev/null || missing+=(golang-go)
command -v php >/dev/null || missing+=(php-cli)
command -v ruby >/dev/null || missing+=(ruby)
[ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"

if ! cmp -s node/package-lock.json node/node_modules/.installed; then
  npm ci --prefix node --silent
  cp node/package-lock.json node/node_modules/.installed
fi

mkdir -p go/bin
cd go
GOTOOLCHAIN=local GOFLAGS=-buildvcs=false go build -o bin/ ./...
