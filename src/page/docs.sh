#!/bin/sh
# Makes what /docs is made of, with the packages that bundle.sh has put into OUT_FOLDER: docs.sh OUT_FOLDER GUIDE.md...
#
# The contract is rendered by OpenAPI Explorer (Apache-2.0, kept up). Of what was tried on openapi.json in Chromium, packed by
# gzip: it took 1.2 s and 222 KB, and axe-core found nothing in its first view (docs.css mends two contrasts of an operation); RapiDoc took 9 s and 218 KB, with 182 unlabelled controls.
# Redoc (327 KB) and Swagger UI (458 KB) are larger. It needs no eval; neither it nor RapiDoc does without styles in the text.
set -eu
out=$1
shift
cp "$out/node_modules/openapi-explorer/dist/browser/openapi-explorer.min.js" "$out/openapi-explorer.js"
cp "$(dirname "$0")/guides.mjs" "$out/guides.mjs"
node "$out/guides.mjs" "$out" "$@"
