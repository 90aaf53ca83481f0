-- What takes long is a job: a row that says what is to be done, how far that has come, and what came of
-- it. A step is one statement that does a bounded part and moves the place (at_…) in the same commit,
-- under the lock of the row: whoever dies in the middle has done nothing, and any worker may go on.
create table job (
    id           uuid primary key,
    app_id       uuid not null,
    kind         int2 not null, -- 0 replay, 1 retry, 2 backfill, 3 fanout
    state        int2 not null default 0, -- 0 waiting, 1 running, 2 done, 3 cancelled, 4 failed

    -- What is chosen: deliveries, or a backfill's events, after `since` and before `before`.
    webhook_id   uuid, -- null: every webhook of the app
    chosen_state int2,
    chosen_error int2,
    chosen_code  int2,
    event_type   text,
    since        uuid,
    before       uuid,
    -- Of a fan-out: a delivery of each of these events to each of these webhooks.
    events       uuid[],
    webhooks     uuid[],

    -- How far it is: the webhook and its delivery, or the event, or the number of the pair.
    at_webhook   uuid,
    at_id        uuid,
    at_place     int8 not null default 0,
    matched      int8 not null default 0, -- when it began: at least so many
    exact        bool not null,           -- or just so many
    found        int8 not null default 0,
    done         int8 not null default 0,
    stalls       int2 not null default 0, -- steps in a row that found a webhook full
    failures     int2 not null default 0, -- steps in a row that failed
    stepped_at   timestamptz not null default now(),
    step_at      timestamptz not null default now(), -- the next step, not before
    ended_at     timestamptz,
    check ((ended_at is null) = (state in (0, 1)))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

create index job_of_app on job (app_id, id desc);
create index job_active on job (app_id) where ended_at is null;
create index job_ended on job (ended_at) where ended_at is not null;

-- The bounds of the ids of an event's deliveries.
create function delivery_low(event uuid) returns uuid language sql immutable strict parallel safe as
$$ select encode(substr(uuid_send(event), 1, 8) || '\x0000000000000000'::bytea, 'hex')::uuid $$;

create function delivery_high(event uuid) returns uuid language sql immutable strict parallel safe as
$$ select encode(substr(uuid_send(event), 1, 8) || '\xffffffffffffffff'::bytea, 'hex')::uuid $$;

-- Whether one of `patterns` wants events of `type`: include/core/filter.h.
create function type_wanted(patterns text[], type text) returns bool
language sql immutable strict parallel safe as
$$ select exists (select from unnest(patterns) p
                  where p in (type, '*') or (p like '%.*' and starts_with(type, left(p, -1)))) $$;

-- Undoes the statement that accepts: PH001, when the types of its events and the webhooks that want them
-- make too many pairs to look at; PH002, when its app has too many fan-outs that have not ended.
create function fanout_refused(code text) returns bool language plpgsql as $$
begin
    raise exception 'a fan-out was refused' using errcode = code;
end $$;
