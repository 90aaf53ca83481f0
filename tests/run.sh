#!/usr/bin/env bash
# The whole test suite in one command on a bare Debian 12: installs what the tests need, builds with
# sanitizers (gcc) and once more with clang, runs everything, and ends with one line:
# `N passed, N failed`. Exit status 1 if anything failed.
#
#   tests/run.sh                      everything
#   tests/run.sh -k name, a path, …   the sanitized build, then pytest with these arguments only
#
# The servers that tests need they start themselves, each on a port or socket of its own.
#
# Functions are called by way of step and need, which shellcheck does not see.
# shellcheck disable=SC2317
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

out=build-tests/results # JUnit files and logs of this run
passed=0
failed=0
skipped=0

title() {
  echo "== $*"
}

finish() {
  [ "$skipped" -eq 0 ] || echo "$skipped skipped"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# A step that is one test: its exit status is the result.
step() {
  local name=$1
  shift
  title "$name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $name" >&2
  fi
}

# Not a test, but without it there are none.
need() {
  title "$1"
  shift
  "$@" && return
  failed=$((failed + 1))
  finish
}

# Seeds of the simulator, dealt to all processors; a build of its own, for sanitizers take most of the time.
simulate() {
  local sim=build-sim/tests/sim/sim status=0
  [ -f build-sim/build.ninja ] || CC=gcc meson setup build-sim -Dpage=disabled -Dtests=enabled -Dbuildtype=release >/dev/null || return
  ninja -C build-sim --quiet tests/sim/sim || return
  "$sim" -j "$(nproc)" -n "$SIM_SEEDS" || status=1
  "$sim" -j "$(nproc)" -m 0 -n 10000 || status=1
  return "$status"
}
SIM_SEEDS=${SIM_SEEDS:-100000}

# What only reckons, beside the tests, which mostly wait: with what these leave of the processors, and in a group of
# processes of their own, so that none outlives this script.
analyze() {
  chrt --idle --pid 0 "$BASHPID" || renice -n 19 "$BASHPID"
  passed=0 failed=0
  step "simulator, $SIM_SEEDS seeds" simulate
  step "build with clang" build build-clang clang-14 "${clang_options[@]}"
  step "clang-tidy" tests/analysis.sh tidy
  step "gcc -fanalyzer" tests/analysis.sh analyzer
  echo "$passed $failed" >"$out/analysis.counts"
}

begin_analysis() {
  rm -f "$out/analysis.counts"
  set -m
  analyze </dev/null >"$out/analysis.log" 2>&1 &
  analysis=$!
  set +m
  trap 'kill -- -"$analysis" 2>/dev/null' EXIT
}

end_analysis() {
  local p=0 f=1
  wait "$analysis"
  trap - EXIT
  cat "$out/analysis.log"
  read -r p f <"$out/analysis.counts" || echo "FAILED the analysis came to no end" >&2
  passed=$((passed + p)) failed=$((failed + f))
}

# count STATUS FILE: the tests in a JUnit file; a runner that failed without a failed test is one.
count() {
  local p f s
  read -r p f s < <(python3 tests/count_results.py "$2")
  [ "$1" -eq 0 ] || [ "$f" -gt 0 ] || {
    f=1
    echo "FAILED the run that wrote $2 (exit status $1)" >&2
  }
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

venv() {
  [ ! -f tests/requirements.txt ] || sh tests/venv.sh >/dev/null
}

setups() {
  local status=0
  tests/clients/setup.sh &
  tests/compat/setup.sh || status=1
  tests/page/setup.sh || status=1
  wait "$!" || status=1
  return "$status"
}

# build FOLDER COMPILER OPTION...: a folder that was made before an option was there gets it.
build() {
  local folder=$1 compiler=$2
  shift 2
  [ ! -f "$folder/build.ninja" ] || case " $* " in
  *-Dcrash_points=true*) grep -q POSTHORN_CRASH_POINTS "$folder/build.ninja" || meson configure "$folder" -Dcrash_points=true ;;
  esac
  [ -f "$folder/build.ninja" ] || CC=$compiler meson setup "$folder" -Dwerror=true -Dtests=enabled "$@" &&
    ninja -C "$folder" --quiet
}

# Arguments that name no path choose among all suites.
run_pytest() {
  title pytest "$@"
  [ -x tests/.venv/bin/pytest ] || {
    echo "FAILED there is no pytest: tests/requirements.txt is missing" >&2
    failed=$((failed + 1))
    return
  }
  local argument where=("${suites[@]}")
  for argument in "$@"; do
    [ ! -e "${argument%%::*}" ] || where=()
  done
  rm -f "$out/pytest.xml"
  tests/.venv/bin/pytest --junitxml="$out/pytest.xml" "$@" "${where[@]}"
  count $? "$out/pytest.xml"
}

# run_meson TITLE FOLDER OPTION...: what tests/meson.build lists.
run_meson() {
  local folder=$2 log=$2/meson-logs/testlog.junit.xml
  title "$1"
  shift 2
  rm -f "$log"
  meson test -C "$folder" --no-rebuild --print-errorlogs "$@"
  local status=$?
  if [ -f "$log" ] || [ "$status" -ne 0 ]; then
    count "$status" "$log"
  fi
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export POSTHORN_BIN=$PWD/build-tests/posthorn
export PATH=$PWD/build-tests/bin:$POSTGRES_BIN:$PATH

clang_options=(-Dpage=disabled -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false)

suites=()
for folder in tests/unit tests/sim tests/api tests/compat tests/clients tests/page tests/chaos tests/load; do
  [ -z "$(find "$folder" -name 'test_*.py' 2>/dev/null)" ] || suites+=("$folder")
done

need "packages" install_packages "${packages_build[@]}" "${packages_page[@]}" "${packages_run[@]}" "${packages_test[@]}"
need "tests/.venv" venv
need "tests/compat: receivers; tests/page: Chromium; tests/clients: generators" setups
need "build with sanitizers" build build-tests gcc -Dpage=enabled -Db_sanitize=address,undefined -Dcrash_points=true
mkdir -p "$out"
redis_link build-tests/bin # redis-server for the tests, without its package

if [ $# -gt 0 ]; then
  run_pytest "$@"
  finish
fi
begin_analysis
step "structure" python3 tests/check_structure.py
run_meson "unit tests" build-tests
[ "${#suites[@]}" -eq 0 ] || run_pytest
end_analysis
run_meson "libFuzzer, seconds each" build-clang --suite libfuzzer
finish
