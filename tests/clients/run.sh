#!/usr/bin/env bash
# Makes clients of the contract with other people's generators and lets each talk to a running Posthorn:
#
#   tests/clients/run.sh               those that npm and PyPI have, as tests/run.sh does
#   tests/clients/run.sh all           those in Go and Java too, with their toolchains
#   tests/clients/run.sh all -k java   any arguments of pytest
#
# POSTHORN_BIN is the program, build-tests/posthorn if it is not set.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

if [ "${1:-}" = all ]; then
  shift
  export POSTHORN_CLIENTS=all
fi
install_packages "${packages_run[@]}" python3-venv
tests/clients/setup.sh "${POSTHORN_CLIENTS:-}"
redis_link build-tests/bin
export POSTHORN_BIN=${POSTHORN_BIN:-$PWD/build-tests/posthorn} PATH=$PWD/build-tests/bin:$POSTGRES_BIN:$PATH
exec "$(tests/venv.sh)" tests/clients -n 2 "$@"
