-- Failures by webhook, error and code of the answer: what people look at, acknowledge and resolve. Workers add to it what they
-- have gathered for seconds, as to the tally. One that happens after it was resolved opens again. The counts are since it was
-- opened last. Nobody keeps what history has lost: a row goes when all of it is older, and with its webhook.
create table issue (
    id          uuid primary key,
    app_id      uuid not null,
    webhook_id  uuid not null,
    error       int2 not null,
    code        int2 not null, -- of answers that are no success; 0: any other error, or codes beyond the first few
    status      int2 not null,
    opening     uuid not null, -- an id made when it was opened last, in whose order they are listed
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    resolved_at timestamptz,
    recurred    int8 not null default 0,
    attempts    int8 not null,
    deliveries  int8 not null, -- that failed for good
    oldest_at   timestamptz,   -- when the oldest of those deliveries was made
    delivery_id uuid not null, -- the last that failed so
    unique (webhook_id, error, code)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
create index issue_status on issue (app_id, status, opening);

-- Attempts that were not the first of their delivery.
alter table tally add column retried int8 not null default 0;

-- As in 0031_day.sql, and at its end the retried.
create or replace function webhook_day(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
declare
    since timestamptz := now() - interval '24 h';
    last  record;
    day   record;
    times int8[];
begin
    select last_success_at as success, last_failure_at as failure into last from tally
     where app_id = app and webhook_id = webhook order by hour desc limit 1;
    select sum(attempts)::int8 as attempts, sum(succeeded)::int8 as succeeded, sum(exhausted)::int8 as exhausted,
           sum(retried)::int8 as retried into day
      from tally where app_id = app and webhook_id = webhook and hour > since;
    times := array(select sum(n)::int8 from tally t, unnest(t.times) with ordinality u (n, i)
                    where app_id = app and webhook_id = webhook and hour > since group by i order by i);
    return array[coalesce(ms_of(last.success), 0), coalesce(ms_of(last.failure), 0), coalesce(day.attempts, 0),
                 coalesce(day.succeeded, 0), coalesce(day.exhausted, 0), coalesce(times_part(times, 0.5), 0),
                 coalesce(times_part(times, 0.95), 0), coalesce(day.retried, 0)];
end $$;

-- Its hours of the last day, newest first, seven numbers each: ms, attempts, succeeded, given up, retried, and what half of the
-- attempts and 95 of 100 took at most (us).
create function webhook_hours(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
begin
    return array(select n from tally t, unnest(array[ms_of(t.hour), t.attempts, t.succeeded, t.exhausted, t.retried,
                        times_part(t.times, 0.5), times_part(t.times, 0.95)]) with ordinality u (n, i)
                  where app_id = app and webhook_id = webhook and hour > now() - interval '24 h' order by hour desc, i);
end $$;
