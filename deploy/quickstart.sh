#!/usr/bin/env bash
# Posthorn in one command on a bare Debian 12, to try it: installs what is missing, builds, starts a
# PostgreSQL and a Redis of its own, migrates, serves in the foreground, and prints the admin key with
# three curl lines. Ctrl-C stops all that it started. A second run goes on with the same data and key.
#
#   PORT=8080 deploy/quickstart.sh
#
# Everything is kept in .local/: `env` (the options with their secrets, mode 600), `data` (databases
# and logs). PostgreSQL and Redis listen on Unix sockets only, in a folder that no other user can
# enter, so they can neither collide with the machine's own nor be reached by anybody else.
# To throw all of it away: rm -rf "$(readlink -f .local/data)" .local
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
top=$PWD
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

port=${PORT:-8080}
started=() # pids in the order of their start
lock=.local/lock

die() {
  echo "quickstart: $*" >&2
  exit 1
}

say() {
  echo "quickstart: $*" >&2
}

# PostgreSQL refuses to run as root; then it, Redis and Posthorn run as the user of Debian's package.
choose_owner() {
  owner=$(id -un)
  [ "$owner" != root ] || owner=postgres
}

# become COMMAND...: replaces this (sub)shell by it, as the owner, in the data folder (the one that the
# owner can enter for certain) and without the lock.
become() {
  cd "$data"
  [ "$(id -un)" = "$owner" ] ||
    set -- setpriv --reuid "$owner" --regid "$owner" --init-groups "$@"
  exec "$@" 9>&-
}

as_owner() {
  (become "$@")
}

# owner_writes FILE COMMAND...: with its output at the end of FILE in the data folder. Only the owner's own
# processes write there: what root opened by a name in it could be a link to anything.
owner_writes() {
  # shellcheck disable=SC2016
  set -- sh -c 'file=$1; shift; exec "$@" >>"$file" 2>&1' sh "$@"
  "${how:-as_owner}" "$@"
}

# The same in the background.
start_writing() {
  how=start owner_writes "$@"
}

# Started in the background and in a session of its own, so that a Ctrl-C in the terminal reaches this
# script alone, which then stops everything in the right order. $! is the program's own pid, as every
# step execs the next.
start() {
  become setsid "$@" </dev/null &
  started+=($!)
}

# Last started, first stopped: Posthorn hands back and records what it has in flight while Redis and
# PostgreSQL are still there. PostgreSQL takes SIGINT as "disconnect everybody and shut down".
stop_all() {
  trap '' INT TERM HUP
  local i signal
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    signal=TERM
    [ "$i" -ne 0 ] || signal=INT
    kill -s "$signal" "${started[i]}" 2>/dev/null || continue
    wait "${started[i]}" 2>/dev/null || true
  done
  [ -z "${run:-}" ] || rm -rf "$run"
}

port_check() {
  if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || [ "$port" -gt 65535 ]; then
    die "PORT=$port is not a port"
  fi
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "port $port is in use; choose another: PORT=18080 deploy/quickstart.sh"
  fi
}

# The data folder is .local/data. When the owner cannot enter the checkout (a clone in root's home, mode
# 700), it is a folder under /var/lib instead, and .local/data is a link to it.
data_open() {
  local who
  for who in . .local; do
    [ ! -e "$who" ] || [ -O "$who" ] ||
      die "$(readlink -f "$who") belongs to $(stat -c %U "$who"): run this as that user, or in a clone of your own"
  done
  [ ! -L .local ] || die ".local is a link: remove it"
  mkdir -p .local
  exec 9>>"$lock"
  flock -n 9 || die "it is already running from this folder"
  if [ ! -e .local/data ]; then
    if [ "$(id -un)" = "$owner" ] || (cd / && setpriv --reuid "$owner" --regid "$owner" \
      --init-groups test -x "$top/.local"); then
      mkdir -m 700 .local/data
    else
      ln -sfn "$(mktemp -d /var/lib/posthorn-quickstart.XXXXXX)" .local/data
      say "$owner cannot enter $top: the data is in $(readlink .local/data)"
    fi
    chown "$owner" .local/data/
  fi
  data=$(readlink -f .local/data)
  [ "$(stat -c %U "$data")" = "$owner" ] ||
    die "$data belongs to $(stat -c %U "$data"): run this as the user who ran it first"
}

# Secrets are made once. The rest of the file follows the port and this run's socket folder.
env_write() {
  local name
  for name in POSTHORN_ADMIN_KEY POSTHORN_ENCRYPTION_KEY; do
    printf -v "$name" '%s' "$(sed -n "s/^$name=//p" .local/env 2>/dev/null || true)"
  done
  [ -n "$POSTHORN_ADMIN_KEY" ] ||
    POSTHORN_ADMIN_KEY=admin_$(head -c 24 /dev/urandom | base64 -w 0 | tr '+/' '-_')
  [ -n "$POSTHORN_ENCRYPTION_KEY" ] ||
    POSTHORN_ENCRYPTION_KEY=$(head -c 32 /dev/urandom | base64 -w 0)
  (
    umask 077
    cat >.local/env.new <<END
# Written by deploy/quickstart.sh. While it runs:  set -a; . .local/env; build/posthorn key list
POSTHORN_ADMIN_KEY=$POSTHORN_ADMIN_KEY
POSTHORN_ENCRYPTION_KEY=$POSTHORN_ENCRYPTION_KEY
POSTHORN_DATABASE_URL='postgresql://posthorn@/posthorn?host=$run'
POSTHORN_REDIS_URL=unix://$run/redis.sock
POSTHORN_LISTEN=127.0.0.1:$port
POSTHORN_ALLOW_NETWORKS=127.0.0.0/8,::1/128
END
    mv .local/env.new .local/env
  )
  set -a
  # shellcheck source=/dev/null
  . .local/env
  set +a
}

# A run that was killed hard leaves its servers and sockets behind; they are ours by their data folder
# and by .local/env.
leftovers_stop() {
  local pid old
  for pid in $(cat "$data/posthorn.pid" "$data/redis/pid" 2>/dev/null || true); do
    case $(readlink "/proc/$pid/cwd" 2>/dev/null || true) in
      "$data" | "$data/redis")
        kill "$pid"
        timeout 45 tail --pid "$pid" -f /dev/null || die "process $pid of an earlier run does not stop"
        ;;
    esac
  done
  if [ -d "$data/postgres" ] && as_owner "$POSTGRES_BIN/pg_ctl" -D postgres status >/dev/null; then
    as_owner "$POSTGRES_BIN/pg_ctl" -D postgres -m fast -w stop >/dev/null
  fi
  old=$(sed -n 's|^POSTHORN_REDIS_URL=unix://\(/tmp/posthorn\.[A-Za-z0-9]*\)/redis.sock$|\1|p' .local/env \
    2>/dev/null || true)
  [ -z "$old" ] || rm -rf "$old"
}

# wait_until SECONDS WHAT COMMAND...: the last started process must live meanwhile.
wait_until() {
  local seconds=$1 what=$2 i
  shift 2
  for ((i = 0; i < seconds * 10; i++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    kill -0 "${started[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  die "$what did not start; its log is in $data"
}

postgres_start() {
  if [ ! -d "$data/postgres" ]; then # made beside and moved, so that half a cluster is never used
    as_owner rm -rf postgres.new
    owner_writes initdb.log "$POSTGRES_BIN/initdb" -D postgres.new -U posthorn -A trust -E UTF8 \
      --locale=C.UTF-8 || die "initdb failed; see $data/initdb.log"
    as_owner mv postgres.new postgres
  fi
  start_writing postgres.log "$POSTGRES_BIN/postgres" -D postgres -k "$run" -c listen_addresses=
  wait_until 60 PostgreSQL as_owner "$POSTGRES_BIN/pg_isready" -q -h "$run" -d postgres
  local exists
  exists=$(as_owner "$POSTGRES_BIN/psql" -h "$run" -U posthorn -d postgres -qtAX \
    -c "SELECT 1 FROM pg_database WHERE datname = 'posthorn'")
  [ -n "$exists" ] || as_owner "$POSTGRES_BIN/createdb" -h "$run" -U posthorn posthorn
}

# Redis holds the queue only, which Posthorn rebuilds from PostgreSQL: nothing of it is kept on disk.
redis_start() {
  as_owner mkdir -p redis bin
  as_owner ln -sf /usr/bin/redis-check-rdb bin/redis-server
  start_writing redis.log bin/redis-server --port 0 --unixsocket "$run/redis.sock" \
    --unixsocketperm 700 --dir "$data/redis" --pidfile "$data/redis/pid" --save '' \
    --appendonly no --maxmemory-policy noeviction
  wait_until 10 Redis as_owner redis-cli -s "$run/redis.sock" ping
}

build() {
  [ -f build/build.ninja ] || meson setup build >&2
  ninja -C build posthorn >&2
}

# The program runs from a copy in the data folder, which its owner can read wherever the checkout is.
posthorn_start() {
  as_owner sh -c 'cat >bin/posthorn.new && chmod 755 bin/posthorn.new && mv bin/posthorn.new bin/posthorn' \
    <build/posthorn
  as_owner bin/posthorn migrate
  start bin/posthorn serve
  as_owner sh -c 'echo "$1" >posthorn.pid' sh "${started[-1]}"
  wait_until 30 Posthorn curl -fsS -o /dev/null "http://127.0.0.1:$port/readyz"
}

print_help() {
  local url=http://127.0.0.1:$port/v1 auth="-H \"Authorization: Bearer \$KEY\""
  cat <<END

Posthorn listens on http://127.0.0.1:$port (Ctrl-C stops it). Admin key: $POSTHORN_ADMIN_KEY
In another terminal, after something that takes POSTs on port 9000 (README.md has a line for that):

  KEY=$POSTHORN_ADMIN_KEY
  WH=\$(curl -s $url/webhooks $auth -d '{"url":"http://127.0.0.1:9000/","events":["*"]}' | tee /dev/stderr | grep -o 'wh_[0-9a-z]*' | head -n 1)
  curl -s $url/events $auth -d '{"type":"user.created","data":{"name":"Ada"}}'
  curl -s $url/webhooks/\$WH/deliveries $auth

END
}

install_packages "${packages_build[@]}" "${packages_page[@]}" "${packages_run[@]}"
choose_owner
data_open
leftovers_stop
port_check
build
trap stop_all EXIT
trap 'exit 0' INT TERM HUP
run=$(mktemp -d /tmp/posthorn.XXXXXX) # short: a Unix socket's path has at most 107 bytes
chown "$owner" "$run"
env_write
postgres_start
redis_start
posthorn_start
print_help
wait "${started[-1]}"
