-- psql -v s=SCHEMA -v ff=FILLFACTOR -v due=1|0
\i sql/common.sql
\i sql/attempt.sql
create table delivery (
  id uuid not null, event_id uuid not null, webhook_id uuid not null, app_id uuid not null,
  next_at timestamptz not null, lease_until timestamptz, lease_token int8, lease_owner int8, completed_at timestamptz,
  last_ms int4, last_code int2, state int2 not null default 0, attempts int2 not null default 0, started int2 not null default 0,
  primary key (id)
) partition by range (id);
create index delivery_history on delivery (webhook_id, id desc);
\if :due
create index delivery_due on delivery (next_at) where state = 0;
\endif
select make_days('delivery', -30, 4, 'with (fillfactor=' || :ff || ')');
