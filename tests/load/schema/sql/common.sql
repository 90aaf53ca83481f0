-- psql -v s=SCHEMA : the tables that all candidates share, and the partition maker
create schema :"s"; set search_path = :"s";

create function day_floor(t timestamptz) returns uuid language sql immutable strict as $$
  select (lpad(to_hex((extract(epoch from t)*1000)::int8),12,'0')||repeat('0',20))::uuid $$;

-- partitions [today+first, today+last] (UTC days) of one table
create function make_days(parent text, first int, last int, options text default '') returns void language plpgsql as $$
declare d timestamptz;
begin
  for i in first..last loop
    d := (date_trunc('day', now() at time zone 'UTC') + make_interval(days => i)) at time zone 'UTC';
    execute format('create table %I partition of %I for values from (%L) to (%L) %s',
      parent||'_'||to_char(d at time zone 'UTC','YYYYMMDD'), parent, day_floor(d), day_floor(d + '24 h'), options);
  end loop;
end $$;

create table webhook (
  id uuid primary key, app_id uuid not null, url text not null, events text[] not null,
  status int2 not null default 0, timeout_ms int4 not null default 10000, secret bytea not null, headers bytea
);
create index webhook_app on webhook (app_id);
insert into webhook select md5('wh'||k)::uuid, md5('app'||k)::uuid, 'https://receiver.example/hook/'||k,
  case k%3 when 0 then array['*'] when 1 then array['user.*'] else array['user.created','user.deleted'] end,
  0, 10000, decode(repeat(md5('s'||k),2),'hex') from generate_series(0,199) k;
analyze webhook;

create table event (
  id uuid not null, app_id uuid not null, test bool not null default false, type text not null, data bytea not null,
  primary key (id)
) partition by range (id);
select make_days('event', -30, 4);

create sequence lease_token;
create table batches (n int primary key, ids uuid[], lo uuid, hi uuid);   -- of the bench only
