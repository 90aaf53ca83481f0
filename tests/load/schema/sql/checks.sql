-- psql -v s=SCHEMA : EXPLAIN of the read paths, generic plans (what a prepared statement becomes)
set search_path = :"s", public; set plan_cache_mode = force_generic_plan; set enable_seqscan=off; set enable_bitmapscan=off; set jit = off;
\pset format unaligned
\pset tuples_only on
select webhook_id as wh, id as cur, event_id as ev, overlay(event_id::text placing '0000-000000000000' from 20) as lo, overlay(event_id::text placing 'ffff-ffffffffffff' from 20) as hi
from delivery order by id desc limit 1 \gset
\echo == history page, no lower bound (first page: pass ffffffff-…)
prepare history(uuid,uuid) as select id,event_id,state,last_code,last_ms,attempts,next_at from delivery where webhook_id=$1 and id<$2 order by id desc limit 51;
explain (analyze, buffers, costs off) execute history(:'wh', :'cur');
\echo == history page, webhook without a delivery, no lower bound: walks every partition
explain (analyze, costs off) execute history('00000000-0000-0000-0000-000000000001', :'cur');
\echo == history page with both bounds (since = 2 days)
prepare history2(uuid,uuid,uuid) as select id,event_id,state,last_code,last_ms,attempts,next_at from delivery where webhook_id=$1 and id<$2 and id>=$3 order by id desc limit 51;
select day_floor(now()-interval '2 days') as since \gset
explain (analyze, buffers, costs off) execute history2(:'wh', :'cur', :'since');
\echo == deliveries of one event by PK range, then filtered by event_id
prepare of_event(uuid,uuid,uuid) as select id,webhook_id,state from delivery where id between $2 and $3 and event_id=$1 order by id;
explain (analyze, buffers, costs off) execute of_event(:'ev', :'lo', :'hi');
\echo == due scan
prepare due as select id,webhook_id from delivery where state=0 and next_at<now()-interval '3 s' and (lease_until is null or lease_until<now()) order by next_at limit 2000;
explain (analyze, buffers, costs off) execute due;
explain (analyze, costs off, summary on, timing off) execute due;
explain (analyze, costs off, summary on, timing off) execute due;
