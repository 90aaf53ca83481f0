-- psql -v s=SCHEMA -v ff=FILLFACTOR : narrow job rows while waiting, one history row at completion
\i sql/common.sql
\i sql/attempt.sql
create table job (
  id uuid primary key, event_id uuid not null, webhook_id uuid not null, app_id uuid not null,
  next_at timestamptz not null, lease_until timestamptz, lease_token int8, lease_owner int8,
  last_code int2, state int2 not null default 0, attempts int2 not null default 0, started int2 not null default 0
) with (fillfactor=:ff);
create index job_history on job (webhook_id, id desc);   -- the page must show what is waiting, too
create index job_due on job (next_at) where state = 0;
create table delivery (
  id uuid not null, event_id uuid not null, webhook_id uuid not null, app_id uuid not null, completed_at timestamptz,
  token int8, started_at timestamptz, dns_ms int4, connect_ms int4, tls_ms int4, ttfb_ms int4, last_ms int4,
  last_code int2, state int2 not null default 0, attempts int2 not null default 0, error int2,
  address inet, req_head bytea, resp_head bytea, resp_body bytea,
  primary key (id)
) partition by range (id);
create index delivery_history on delivery (webhook_id, id desc);
select make_days('delivery', -30, 4);
