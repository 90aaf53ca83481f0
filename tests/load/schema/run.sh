#!/bin/bash
# ./run.sh start|init|bench [rounds [batches per client]]|report|stop     (as the user postgres; needs PGBIN on a non-Debian machine)
# Own cluster under ./.local, own socket there. Results in results.csv.
set -euo pipefail
cd "$(dirname "$0")"
export PATH=${PGBIN:-/usr/lib/postgresql/15/bin}:$PATH
D=$PWD/.local; export PGHOST=$D PGPORT=${PGPORT:-54399} PGDATABASE=postgres PGUSER=postgres
CLIENTS=${CLIENTS:-2}
ALL=${CANDIDATES:-"a100 a70 a50 anodue b100 b50 c70"}

start() {
  mkdir -p "$D"
  [ -d "$D/pg" ] || { initdb -D "$D/pg" -U postgres -A trust -E UTF8 --locale=C >"$D/initdb.log"
    cat >>"$D/pg/postgresql.conf" <<C
listen_addresses=''
unix_socket_directories='$D'
port=$PGPORT
shared_buffers=2GB
max_wal_size=32GB
checkpoint_timeout=60min
jit=off
timezone=UTC
shared_preload_libraries=pg_stat_statements
autovacuum_naptime=20s
autovacuum_vacuum_cost_delay=0
C
  }
  pg_ctl -D "$D/pg" -l "$D/pg.log" -w start >/dev/null
}
kind() { case $1 in a*) echo a;; b*) echo b;; c*) echo c;; esac; }
init() {
  psql -qc 'create extension if not exists pg_stat_statements'
  for s in $ALL; do
    ff=${s#?}; due=1; [ "$s" = anodue ] && ff=50 due=0
    psql -qX -v ON_ERROR_STOP=1 -c "drop schema if exists $s cascade" 2>/dev/null
    psql -qX -v ON_ERROR_STOP=1 -v s="$s" -v ff="$ff" -v due=$due -f "sql/schema-$(kind "$s").sql" >/dev/null
  done
}
script() { # kind part… -> file
  local k=$1 out=$D/$1-$2.pgbench; shift; local name=$1; shift
  : >"$out"; for p; do cat "parts/$p.part" >>"$out"; done; echo "$out"
}
pgb() { # schema file transactions
  PGOPTIONS="-c search_path=$1,public ${PLAN:+-c plan_cache_mode=$PLAN}" pgbench -n -M prepared -c "$CLIENTS" -j "$CLIENTS" -t "$3" \
    -D ready=0 -D next=0 -D clients="$CLIENTS" -f "$2" 2>&1 | awk '/^tps/{print $3} /failed/&&$5+0>0{print "FAILED" > "/dev/stderr"} /rror/{print > "/dev/stderr"}'
}
stat() { # per batch: ms and WAL bytes of one statement, since the last reset
  psql -qAtX -F, -c "select coalesce(round((sum(total_exec_time)/sum(calls))::numeric,3),0), coalesce(round(sum(wal_bytes)/sum(calls)/100),0) from pg_stat_statements where query like 'with /* $1 */%'"
}
lsn() { psql -qAtXc "select pg_current_wal_insert_lsn()-'0/0'"; }
one() { # schema round batches
  local s=$1 k; k=$(kind "$1"); local n=$3 t0 t1 tps
  local flow acc drain
  flow=$(script "$k" flow init ids accept-$k async claim-$k finish-$k)
  acc=$(script "$k" accept init ids accept-$k)
  drain=$(script "$k" drain init pick async claim-$k finish-$k)
  local table=delivery; [ "$k" = c ] && table=job
  psql -qXc 'checkpoint' -c 'select pg_stat_statements_reset()' >/dev/null
  t0=$(lsn); tps=$(pgb "$s" "$flow" "$n"); t1=$(lsn)
  echo "$s,$2,flow,$tps,$(stat accept),$(stat claim),$(stat finish),$(( (t1-t0)/(n*CLIENTS*100) ))" | tee -a results.csv
  psql -qXc 'select pg_stat_statements_reset()' >/dev/null
  t0=$(lsn); tps=$(pgb "$s" "$acc" "$n"); t1=$(lsn)
  echo "$s,$2,accept,$tps,$(stat accept),,,,,$(( (t1-t0)/(n*CLIENTS*100) ))" | tee -a results.csv
  psql -qX <<Q >/dev/null
set search_path=$s,public; truncate batches;
insert into batches select n, array_agg(id order by id), overlay((array_agg(id order by id))[1]::text placing '0000-000000000000' from 20)::uuid, overlay((array_agg(id order by id desc))[1]::text placing 'ffff-ffffffffffff' from 20)::uuid
from (select id,(row_number() over (order by id)-1)/100 n from $table where state=0 and attempts=0 and lease_until is null) q group by n;
select pg_stat_statements_reset();
Q
  t0=$(lsn); tps=$(pgb "$s" "$drain" "$n"); t1=$(lsn)
  echo "$s,$2,drain,$tps,,,$(stat claim),$(stat finish),$(( (t1-t0)/(n*CLIENTS*100) ))" | tee -a results.csv
}
bench() { for r in $(seq 1 "${1:-3}"); do for s in $ALL; do one "$s" "$r" "${2:-400}"; done; done; }
report() { psql -qX -f sql/report.sql; }
stop() { pg_ctl -D "$D/pg" -m fast -w stop >/dev/null; }
"$@"
