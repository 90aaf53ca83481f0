-- The ledger. Ids are UUIDv7: their first 48 bits are the time of creation in milliseconds, so ids are
-- the clock, the order, and the range of the partitions. A delivery's id begins with the first eight
-- bytes of its event's, so both lie in the same partition range.
-- Why this form and not another: migrations/README.md.

create function ms_of(t timestamptz) returns int8 language sql immutable parallel safe as
$$ select (extract(epoch from t) * 1000)::int8 $$;

create function us_of(t timestamptz) returns int8 language sql immutable parallel safe as
$$ select (extract(epoch from t) * 1000000)::int8 $$;

create function time_of(ms int8) returns timestamptz language sql immutable parallel safe as
$$ select timestamptz 'epoch' + ms * interval '1 ms' $$;

-- The lowest id of a moment.
create function id_floor(t timestamptz) returns uuid language sql immutable strict parallel safe as
$$ select (lpad(to_hex((extract(epoch from t) * 1000)::int8), 12, '0') || repeat('0', 20))::uuid $$;

-- A new delivery's id: its event's first eight bytes, random ones after; a UUIDv7 still.
create function new_delivery_id(event uuid) returns uuid language sql volatile parallel safe as
$$ select encode(substr(uuid_send(event), 1, 8) || substr(uuid_send(gen_random_uuid()), 9), 'hex')::uuid $$;

create table app (
    id         uuid primary key,
    name       text not null unique,
    metadata   text not null default '{}',
    created_at timestamptz not null default now()
);

create table api_key (
    id         uuid primary key,
    app_id     uuid references app on delete cascade, -- null: an admin key, of no tenant
    name       text not null,
    scope      int2 not null, -- 0 read, 1 publish, 2 write, 3 admin
    hash       bytea not null, -- SHA-256 of the key's text
    expires_at timestamptz
);

create table webhook (
    id              uuid primary key,
    app_id          uuid not null,
    url             text not null,
    events          text[] not null,
    status          int2 not null default 0, -- 0 active, 1 paused, 2 disabled
    disabled_reason int2 not null default 0, -- 0 none, 1 by the API, 2 the receiver answered 410
    profile         text not null,
    profile_options text not null default '{}', -- JSON: what differs from the profile's standard
    secret          bytea not null, -- sealed
    previous_secret bytea,          -- sealed; valid until previous_until
    previous_until  timestamptz,
    headers         bytea not null, -- sealed JSON object
    retry_schedule  int8[] not null,
    timeout_ms      int4 not null,
    rate_limit      int4, -- requests a second
    concurrency     int4 not null,
    batch_seconds   int4 not null default 0, -- events are due together at multiples of it
    description     text,
    metadata        text not null default '{}',
    managed         text, -- the system whose drop-in settings keep it; null: the API's
    updated_at      timestamptz not null default now(),
    deleted_at      timestamptz,
    unsettled       bool not null default false -- its deliveries have yet to follow its status
);
create index webhook_app on webhook (app_id, id desc) where deleted_at is null;
create index webhook_unsettled on webhook (id) where unsettled;

-- The patterns of webhook.events, turned around for the lookup by event type.
create table subscription (
    app_id     uuid not null,
    pattern    text not null,
    webhook_id uuid not null references webhook on delete cascade,
    primary key (app_id, pattern, webhook_id)
);
create index subscription_webhook on subscription (webhook_id);

create table event_type (
    app_id      uuid not null references app on delete cascade,
    name        text not null,
    description text,
    schema      text,
    example     text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (app_id, name)
);

create table idempotency (
    key        uuid primary key, -- first 16 bytes of SHA-256 of app, kind and key
    hash       uuid not null,    -- first 16 bytes of SHA-256 of the request
    event_id   uuid not null,
    deliveries int4 not null,
    expires_at timestamptz not null
);
create index idempotency_expires on idempotency (expires_at);

-- Undoes the statement that finds a key of a batch used for another request: all or nothing.
create function idempotency_conflict() returns int8 language plpgsql as $$
begin
    raise exception 'idempotency key reused' using errcode = 'unique_violation';
end $$;

create table event (
    id     uuid primary key,
    app_id uuid not null,
    test   bool not null,
    type   text not null,
    data   bytea not null, -- JSON exactly as posted
    profile_options text   -- of a test only: instead of its webhook's
) partition by range (id);
create index event_app on event (app_id, id desc);

-- In flight is state 0 with a live lease. completed_at is null while pending or held.
create table delivery (
    id           uuid primary key,
    event_id     uuid not null,
    webhook_id   uuid not null,
    app_id       uuid not null,
    next_at      timestamptz not null,
    lease_until  timestamptz,
    lease_token  int8,
    lease_owner  int8,
    completed_at timestamptz,
    last_us      int4,
    last_code    int2,
    last_error   int2,
    state        int2 not null, -- 0 pending, 1 delivered, 2 failed, 3 cancelled, 4 held
    attempts     int2 not null default 0,
    step         int2 not null default 0, -- failed attempts since it was last set going
    test         bool not null
) partition by range (id);
create index delivery_history on delivery (webhook_id, id desc);
create index delivery_due on delivery (next_at) where state = 0;
create index delivery_held on delivery (webhook_id) where state = 4;

create table attempt (
    delivery_id   uuid not null,
    token         int8 not null, -- of the lease it was made under: makes recording it twice harmless
    started_at    timestamptz not null,
    dns_us        int4 not null,
    connect_us    int4 not null,
    tls_us        int4 not null,
    first_byte_us int4 not null,
    total_us      int4 not null,
    number        int2 not null,
    code          int2, -- null: no answer
    error         int2 not null, -- 0: none
    body_cut      bool not null,
    address       text not null,
    error_text    text not null,
    request_head  bytea not null,
    response_head bytea,
    response_body bytea,
    primary key (delivery_id, token)
) partition by range (delivery_id);

-- Makes the partitions of the days from `first` to `last`, counted from today. Each is made beside its
-- parent and attached, which needs no lock that stops readers and writers of the parent.
create function partitions_make(first int, last int) returns void language plpgsql as $$
declare
    parent text;
    day    timestamptz;
    child  text;
begin
    foreach parent in array array['event', 'delivery', 'attempt'] loop
        for i in first..last loop
            day := (date_trunc('day', now() at time zone 'UTC') + make_interval(days => i))
                   at time zone 'UTC';
            child := parent || '_' || to_char(day at time zone 'UTC', 'YYYYMMDD');
            continue when to_regclass(child) is not null;
            execute format('create table %I (like %I including all)', child, parent);
            if parent = 'delivery' then
                -- room for the claim's update to stay on its page (HOT)
                execute format('alter table %I set (fillfactor = 50,
                                autovacuum_vacuum_scale_factor = 0.02)', child);
            end if;
            execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                           parent, child, id_floor(day), id_floor(day + interval '24 h'));
        end loop;
    end loop;
end $$;

-- Drops the partitions of days that ended more than `days` days ago; answers how many.
create function partitions_drop(days int) returns int8 language plpgsql as $$
declare
    child   text;
    dropped int8 := 0;
begin
    for child in
        select c.relname from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        join pg_class p on p.oid = i.inhparent
        where p.oid in ('event'::regclass, 'delivery'::regclass, 'attempt'::regclass)
          and to_date(right(c.relname, 8), 'YYYYMMDD')
              < (now() at time zone 'UTC')::date - days
    loop
        execute format('drop table %I', child);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

select partitions_make(-1, 7);
