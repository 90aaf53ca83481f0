-- The recommended ledger: the plain form. Run with search_path on an empty schema.
create function day_floor(t timestamptz) returns uuid language sql immutable strict as $$
  select (lpad(to_hex((extract(epoch from t)*1000)::int8),12,'0')||repeat('0',20))::uuid $$;

create function make_days(parent text, first int, last int, options text default '') returns void language plpgsql as $$
declare d timestamptz;
begin
  for i in first..last loop
    d := (date_trunc('day', now() at time zone 'UTC') + make_interval(days => i)) at time zone 'UTC';
    execute format('create table if not exists %I partition of %I for values from (%L) to (%L) %s',
      parent||'_'||to_char(d at time zone 'UTC','YYYYMMDD'), parent, day_floor(d), day_floor(d + '24 h'), options);
  end loop;
end $$;

create table webhook (
  id uuid primary key, app_id uuid not null, url text not null, events text[] not null,
  status int2 not null default 0, timeout_ms int4 not null default 10000, secret bytea not null, headers bytea
);
create index webhook_app on webhook (app_id);

create table event (
  id uuid not null, app_id uuid not null, test bool not null default false, type text not null, data bytea not null,
  primary key (id)
) partition by range (id);

-- created_at is in the id; state: 0 pending 1 delivered 2 failed 3 cancelled 4 held
create table delivery (
  id uuid not null, event_id uuid not null, webhook_id uuid not null, app_id uuid not null,
  next_at timestamptz not null, lease_until timestamptz, lease_token int8, lease_owner int8, completed_at timestamptz,
  last_ms int4, last_code int2, state int2 not null default 0, attempts int2 not null default 0, started int2 not null default 0,
  primary key (id)
) partition by range (id);
create index delivery_history on delivery (webhook_id, id desc);
create index delivery_due on delivery (next_at) where state = 0;

create table attempt (
  delivery_id uuid not null, token int8 not null, started_at timestamptz not null,
  dns_ms int4, connect_ms int4, tls_ms int4, ttfb_ms int4, total_ms int4 not null,
  n int2 not null, code int2, error int2 not null, address inet,
  req_head bytea, resp_head bytea, resp_body bytea,
  primary key (delivery_id, token)
) partition by range (delivery_id);

create sequence lease_token;

select make_days('event', -30, 4);
select make_days('delivery', -30, 4, 'with (fillfactor=50, autovacuum_vacuum_scale_factor=0.02)');  -- the parent cannot carry it: say it for every partition
select make_days('attempt', -30, 4);
