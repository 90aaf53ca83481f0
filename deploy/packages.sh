# shellcheck shell=bash disable=SC2034
# The Debian packages that Posthorn needs, by purpose, and how to install them. Sourced by
# deploy/quickstart.sh and tests/run.sh; the one list of packages there is.

# Compiling build/posthorn.
packages_build=(
  gcc libc6-dev meson ninja-build pkg-config python3-yaml
  libh2o-dev libuv1-dev libpq-dev libhiredis-dev libcurl4-openssl-dev libssl-dev libjson-c-dev
  libc-ares-dev
)

# Building the page at /dashboard into it. Any Node and npm will do, whoever installed them.
packages_page=()
command -v node >/dev/null || packages_page+=(nodejs)
command -v npm >/dev/null || packages_page+=(npm)

# What the compiled program asks for, and no more: the image.
packages_program=(
  ca-certificates
  libh2o0.13 libuv1 libpq5 libhiredis0.14 libcurl4 libssl3 libjson-c5 libc-ares2
)

# Running it beside a PostgreSQL and a Redis of one's own. redis-tools carries the Redis server's
# program (redis-check-rdb and redis-server are one file) without the redis-server package's service,
# so that nothing new runs on the machine after the installation.
packages_run=(postgresql-15 redis-tools ca-certificates curl)

# The whole test suite, on top of the two above. systemd-analyze, of systemd, judges the units; zsh and fish read their
# completions.
packages_test=(
  clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 libcmocka-dev liblua5.1-0-dev openssl python3 python3-venv
  systemd zsh fish
)

# Compiling a client in Java, which tests/clients/run.sh does when it is told to.
packages_java=(default-jdk-headless maven)

export POSTGRES_BIN=/usr/lib/postgresql/15/bin

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

package_missing() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" != installed ]
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian's postgresql-15 makes and starts a cluster "main" when it is installed. We want its programs
# only, so for the time of the installation (and no longer) a drop-in turns that off; a cluster that
# exists already is not touched by it, and whoever wants one later gets it by pg_createcluster.
postgres_install() {
  local dir=/etc/postgresql-common/createcluster.d made=no status=0
  apt_install postgresql-common
  [ -d "$dir" ] || { as_root mkdir "$dir" && made=yes; }
  echo 'create_main_cluster = false' | as_root tee "$dir/posthorn.conf" >/dev/null
  apt_install postgresql-15 || status=$?
  as_root rm -f "$dir/posthorn.conf"
  [ "$made" = no ] || as_root rmdir "$dir"
  return "$status"
}

# install_packages NAME...: whatever of them is missing. Needs root or sudo only if something is.
install_packages() {
  local name missing=() postgres=no
  for name in "$@"; do
    package_missing "$name" || continue
    if [ "$name" = postgresql-15 ]; then postgres=yes; else missing+=("$name"); fi
  done
  [ "${#missing[@]}" -gt 0 ] || [ "$postgres" = yes ] || return 0
  command -v apt-get >/dev/null || {
    echo "This needs Debian 12 (apt-get); missing: ${missing[*]}" >&2
    return 1
  }
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || {
    echo "Packages are missing, and there is neither root nor sudo to install them: $*" >&2
    return 1
  }
  echo "Installing Debian packages: ${missing[*]}$([ "$postgres" = no ] || echo ' postgresql-15')" >&2
  as_root apt-get update -qq || return 1
  [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}" || return 1
  [ "$postgres" = no ] || postgres_install
}

# redis_link DIR: makes sure that DIR/redis-server starts the Redis server of redis-tools.
redis_link() {
  mkdir -p "$1"
  ln -sf /usr/bin/redis-check-rdb "$1/redis-server"
}
