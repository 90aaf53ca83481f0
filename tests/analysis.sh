#!/usr/bin/env bash
# What tools find in the code that tests do not; each must find nothing.
#
#   tests/analysis.sh tidy       clang-tidy over src/, with the checks of .clang-tidy
#   tests/analysis.sh analyzer   gcc -fanalyzer over src/
#   tests/analysis.sh threads    ThreadSanitizer: the unit tests, and the service under load with
#                                three threads of each kind
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

# configure FOLDER COMPILER OPTION...
configure() {
  local folder=$1 compiler=$2
  shift 2
  [ -f "$folder/build.ninja" ] || CC=$compiler meson setup "$folder" -Dwerror=true -Dpage=disabled "$@"
}

# One file at a time: with several, version 14 confuses the va_list of one with another's.
tidy() {
  configure build-clang clang-14 -Dtests=enabled -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
  find src -name '*.c' -print0 |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p build-clang --quiet 2> >(grep -v 'warnings\? generated' >&2)
}

analyzer() {
  configure build-analyzer gcc -Dtests=disabled -Dc_args=-fanalyzer
  ninja -C build-analyzer --quiet -k 0
}

# Where addresses are random in more bits than ThreadSanitizer expects, it needs them not to be.
threads() {
  local fixed=(setarch -R)
  "${fixed[@]}" true 2>/dev/null || fixed=()
  configure build-tsan gcc -Dtests=enabled -Db_sanitize=thread
  ninja -C build-tsan --quiet
  redis_link build-tsan/bin
  export PATH=$PWD/build-tsan/bin:$POSTGRES_BIN:$PATH POSTHORN_BIN=$PWD/build-tsan/posthorn
  export TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=99}
  "${fixed[@]}" meson test -C build-tsan --no-rebuild --suite unit --print-errorlogs
  "${fixed[@]}" "$(sh tests/venv.sh)" -n 0 tests/chaos/test_threads.py
}

case ${1:-} in
  tidy | analyzer | threads)
    install_packages "${packages_build[@]}" "${packages_run[@]}" "${packages_test[@]}"
    "$1"
    ;;
  *)
    sed -n 's/^# \{0,1\}//; 2,7p' "$0" >&2
    exit 2
    ;;
esac
