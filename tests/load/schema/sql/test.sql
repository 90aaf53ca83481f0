-- psql -f sql/test.sql : a scratch schema, the recommended DDL and statements, fences asserted, pruning shown
\set ON_ERROR_STOP on
drop schema if exists ledger_test cascade; create schema ledger_test; set search_path=ledger_test,public;
set plan_cache_mode=force_generic_plan; set enable_seqscan=off; set enable_bitmapscan=off;
\pset format unaligned
\pset tuples_only on
\set QUIET on
\i sql/ledger.sql
\i sql/statements.sql
insert into webhook select md5('wh'||k)::uuid, md5('app'||k)::uuid, 'https://r.example/'||k, array['*'], 0, 10000, 's' from generate_series(0,199) k;
-- 20,000 events of history: 1,000 a day over 20 days, and 100 of now
create temp table g as select (lpad(to_hex((extract(epoch from now()-d*interval '1 day')*1000)::int8),12,'0')||'7'||lpad(to_hex(n),3,'0')||substr(replace(gen_random_uuid()::text,'-',''),17))::uuid id, md5('app'||n%200)::uuid app, d
  from generate_series(0,20) d, generate_series(0,999) n where d>0 or n<100;
select array_agg(id) i, array_agg(app) a, array_agg('user.created'::text) t, array_agg(false) f, array_agg(convert_to(rpad('{}',300),'UTF8')) b from g \gset
execute accept(:'i',:'a',:'t',:'f',:'b') \g /dev/null
analyze;
select array_agg(id order by id) ids, overlay(min(id::text) placing '0000-000000000000' from 20) lo, overlay(max(id::text) placing 'ffff-ffffffffffff' from 20) hi from delivery where id>=day_floor(now()-interval '1 h') \gset
select count(*)=20100 as accepted from delivery;
\echo == claim plan
begin; explain (analyze, costs off, timing off) execute claim(5,:'ids',:'lo',:'hi',7); rollback;
execute claim(5,:'ids',:'lo',:'hi',7) \g /dev/null
select count(*)=100 as claimed from delivery where lease_token=5;
execute claim(6,:'ids',:'lo',:'hi',8) \g /dev/null
select count(*)=0 as fenced_claim from delivery where lease_token=6;
-- finish arrays: a failure with a stale token (must not count), then the real ones: 5 fail, 95 succeed
prepare fin(int8,int) as select array_fill($1,array[100]) k, array_agg((case when n<=$2 then 0 else 1 end)::int2) s, array_agg(1::int2) n, array_agg(now()) t, array_agg(60000) d, array_agg((case when n<=$2 then 500 else 200 end)::int2) c, array_agg(0::int2) e, array_agg(3) m, array_agg('93.184.216.34'::inet) ad, array_agg('POST'::bytea) q, array_agg('HTTP'::bytea) h, array_agg('ok'::bytea) o from generate_series(1,100) n;
execute fin(4,100) \gset
execute finish(:'ids',:'k',:'s',:'n',:'t',:'d',:'c',:'e',:'m',:'m',:'m',:'m',:'m',:'ad',:'q',:'h',:'o',:'lo',:'hi') \g /dev/null
select count(*)=100 as stale_failure_ignored from delivery where lease_token=5 and attempts=0;
execute fin(5,5) \gset
\echo == finish plan
begin; explain (analyze, costs off, timing off) execute finish(:'ids',:'k',:'s',:'n',:'t',:'d',:'c',:'e',:'m',:'m',:'m',:'m',:'m',:'ad',:'q',:'h',:'o',:'lo',:'hi'); rollback;
execute finish(:'ids',:'k',:'s',:'n',:'t',:'d',:'c',:'e',:'m',:'m',:'m',:'m',:'m',:'ad',:'q',:'h',:'o',:'lo',:'hi') \g /dev/null
execute finish(:'ids',:'k',:'s',:'n',:'t',:'d',:'c',:'e',:'m',:'m',:'m',:'m',:'m',:'ad',:'q',:'h',:'o',:'lo',:'hi') \g /dev/null
select count(*) filter (where state=1)=95 and count(*) filter (where state=0 and next_at>now()+interval '50 s')=5 and max(attempts)=1 as finished_and_repeatable from delivery where id = any(:'ids'::uuid[]);
execute fin(4,0) \gset
execute finish(:'ids',:'k',:'s',:'n',:'t',:'d',:'c',:'e',:'m',:'m',:'m',:'m',:'m',:'ad',:'q',:'h',:'o',:'lo',:'hi') \g /dev/null
select count(*)=100 as late_success_wins from delivery where id = any(:'ids'::uuid[]) and state=1;
\echo == claim of 100 spread over 20 days
select array_agg(id order by id) ids, overlay(min(id::text) placing '0000-000000000000' from 20) lo, overlay(max(id::text) placing 'ffff-ffffffffffff' from 20) hi from (select id from (select id, row_number() over (partition by left(id::text,8) order by id) r from delivery where state=0) x where r<=5) y \gset
begin; explain (analyze, costs off, timing off, buffers) execute claim(9,:'ids',:'lo',:'hi',7); rollback;
\echo == history, of_event, due
explain (analyze, costs off, timing off) execute history(md5('wh1')::uuid,'ffffffff-ffff-ffff-ffff-ffffffffffff');
select event_id ev, overlay(event_id::text placing '0000-000000000000' from 20) lo, overlay(event_id::text placing 'ffff-ffffffffffff' from 20) hi from delivery limit 1 \gset
explain (analyze, costs off, timing off) execute of_event(:'ev',:'lo',:'hi');
update delivery set next_at=now()-interval '10 s' where state=0;
explain (analyze, costs off, timing off) execute due;
drop schema ledger_test cascade;
