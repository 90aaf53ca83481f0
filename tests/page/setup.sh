#!/usr/bin/env bash
# Installs what tests/page needs: a Chromium, and the packages of package-lock.json. Cheap when nothing changed.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=deploy/packages.sh
. ../../deploy/packages.sh

install_packages "${packages_page[@]}" chromium

if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent
  cp package-lock.json node_modules/.installed
fi
