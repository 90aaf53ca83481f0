-- The recommended statements, as prepared. lo/hi = first 8 bytes of the smallest/largest id, then 00…/ff… (a delivery and its event share the first 8 bytes only).
-- Every connection, at connect time (a cached plan does not notice later): plan_cache_mode=force_generic_plan, enable_seqscan=off, enable_bitmapscan=off (else a plan made
-- while a partition is analyzed and nearly empty is a sequential scan, and stays). Accept: synchronous_commit=on. Claim, finish: off.

-- $1 event ids, $2 apps, $3 types, $4 test, $5 data
prepare accept(uuid[],uuid[],text[],bool[],bytea[]) as
with r as materialized (
  select * from unnest($1,$2,$3,$4,$5) as r(id,app_id,type,test,data)
), e as (
  insert into event(id,app_id,type,test,data) select id,app_id,type,test,data from r
)
insert into delivery(id,event_id,webhook_id,app_id,next_at)
select encode(overlay(uuid_send(r.id) placing substr(uuid_send(gen_random_uuid()),9) from 9),'hex')::uuid, r.id, w.id, r.app_id, now()
from r join webhook w on w.app_id=r.app_id and w.status=0 and w.events && array[r.type, split_part(r.type,'.',1)||'.*', '*']
returning id, event_id, webhook_id;

-- $1 token, $2 delivery ids, $3 lo, $4 hi, $5 owner slot
prepare claim(int8,uuid[],uuid,uuid,int8) as
with c as (
  update delivery d set lease_token=$1, lease_until=now()+'75 s', lease_owner=$5, started=d.started+1
  where d.id=any($2) and d.id between $3 and $4
    and d.state+0=0 and d.next_at+'0 s'<=now()+'1 s' and (d.lease_until is null or d.lease_until<now())
  returning d.id, d.lease_token, d.attempts, d.started, d.webhook_id, d.event_id
)
select c.id, c.lease_token, c.attempts, c.started, c.event_id, e.type, e.test, e.data, c.webhook_id, w.url, w.timeout_ms, w.secret, w.headers
from c
cross join lateral (select * from event e where e.id=c.event_id and e.id between $3 and $4 offset 0) e
join webhook w on w.id=c.webhook_id;

-- $1 ids … $17 response bodies (one element per attempt), $18 lo, $19 hi
prepare finish(uuid[],int8[],int2[],int2[],timestamptz[],int4[],int2[],int2[],int4[],int4[],int4[],int4[],int4[],inet[],bytea[],bytea[],bytea[],uuid,uuid) as
with v as materialized (
  select * from unnest($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)
    as v(id,token,state,n,started_at,delay_ms,code,error,dns_ms,connect_ms,tls_ms,ttfb_ms,total_ms,address,req_head,resp_head,resp_body)
), a as (
  insert into attempt(delivery_id,token,n,started_at,code,error,dns_ms,connect_ms,tls_ms,ttfb_ms,total_ms,address,req_head,resp_head,resp_body)
  select id,token,n,started_at,code,error,dns_ms,connect_ms,tls_ms,ttfb_ms,total_ms,address,req_head,resp_head,resp_body from v
  on conflict do nothing
)
update delivery d set state=v.state, attempts=d.attempts+1, last_code=v.code, last_ms=v.total_ms,
  next_at=case when v.state=0 then now()+v.delay_ms*interval '1 ms' else d.next_at end,
  completed_at=case when v.state=0 then null else now() end, lease_until=null, lease_token=null, lease_owner=null
from v
where d.id=v.id and d.id=any($1) and d.id between $18 and $19
  and d.state<>1 and (d.lease_token=v.token or v.state=1)
returning d.id, d.state;

prepare due as
select id, webhook_id from delivery
where state=0 and next_at<now()-interval '3 s' and (lease_until is null or lease_until<now())
order by next_at limit 2000;

-- $1 webhook, $2 cursor (ffffffff-ffff-ffff-ffff-ffffffffffff on the first page)
prepare history(uuid,uuid) as
select id, event_id, state, last_code, last_ms, attempts, next_at, completed_at from delivery
where webhook_id=$1 and id<$2 order by id desc limit 51;

-- $1 event, $2 lo, $3 hi
prepare of_event(uuid,uuid,uuid) as
select id, webhook_id, state from delivery where id between $2 and $3 and event_id=$1 order by id;
