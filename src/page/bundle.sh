#!/bin/sh
# Bundles the page for the program: bundle.sh NPM OUT_FOLDER. The packages, which package-lock.json names with their hashes,
# go into OUT_FOLDER/node_modules, once for each package-lock.json.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
npm=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)

if ! cmp -s "$here/package-lock.json" "$out/node_modules/.installed"; then
  cp "$here/package.json" "$here/package-lock.json" "$out/"
  "$npm" ci --prefix "$out" --ignore-scripts --silent --no-audit --no-fund
  cp "$here/package-lock.json" "$out/node_modules/.installed"
fi
NODE_PATH=$out/node_modules "$out/node_modules/.bin/esbuild" "$here/main.jsx" --bundle --minify --format=esm \
  --target=es2022 --jsx=automatic --jsx-import-source=preact --log-level=warning --outfile="$out/page.js"
