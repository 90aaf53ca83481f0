-- What attempts came to, by hour, of each webhook and (with nil for it) of each app: gathered by workers for seconds,
-- so that the last of it may be lost with one. `times` counts attempts by how long they took: the i-th element, from 1, those
-- of up to 2^((i - 1) / 2) ms that took longer than those before. The last times are those of all hours up to this one.
create table tally (
    app_id          uuid not null,
    webhook_id      uuid not null,
    hour            timestamptz not null,
    attempts        int8 not null,
    succeeded       int8 not null,
    exhausted       int8 not null, -- deliveries that failed for good
    last_success_at timestamptz,
    last_failure_at timestamptz,
    times           int8[] not null,
    primary key (app_id, webhook_id, hour)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
create index tally_hour on tally (hour);

create function times_add(a int8[], b int8[]) returns int8[] language sql immutable parallel safe as
$$ select coalesce(array_agg(coalesce(a[i], 0) + coalesce(b[i], 0) order by i), '{}')
     from generate_series(1, greatest(cardinality(a), cardinality(b))) i $$;

create aggregate times_sum(int8[]) (sfunc = times_add, stype = int8[], initcond = '{}');

-- The time in microseconds that a part of them did not exceed, as far as `times` tell; null: there are none.
create function times_part(times int8[], part float8) returns int8 language plpgsql immutable strict parallel safe as $$
declare
    wanted float8 := 0;
    upto   int8 := 0;
    i      int := 0;
    n      int8;
    low    float8;
begin
    foreach n in array times loop
        wanted := wanted + n;
    end loop;
    wanted := part * wanted;
    foreach n in array times loop
        i := i + 1;
        upto := upto + n;
        if n > 0 and upto >= wanted then
            low := case when i = 1 then 0 else 2 ^ ((i - 2) / 2.0) end;
            return (1000 * (low + (2 ^ ((i - 1) / 2.0) - low) * (wanted - upto + n) / n))::int8;
        end if;
    end loop;
    return null;
end $$;

-- Of the last 24 hours: when it last succeeded and failed (ms), attempts, those that succeeded, deliveries that failed for
-- good, and what half of the attempts and 95 of 100 took at most (us). 0: never, none. For each row of a list: its plans
-- are kept.
create function webhook_day(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
declare
    since timestamptz := now() - interval '24 h';
    last  record;
    day   record;
    times int8[];
begin
    select last_success_at as success, last_failure_at as failure into last from tally
     where app_id = app and webhook_id = webhook order by hour desc limit 1;
    select sum(attempts)::int8 as attempts, sum(succeeded)::int8 as succeeded, sum(exhausted)::int8 as exhausted into day
      from tally where app_id = app and webhook_id = webhook and hour > since;
    times := array(select sum(n)::int8 from tally t, unnest(t.times) with ordinality u (n, i)
                    where app_id = app and webhook_id = webhook and hour > since group by i order by i);
    return array[coalesce(ms_of(last.success), 0), coalesce(ms_of(last.failure), 0), coalesce(day.attempts, 0),
                 coalesce(day.succeeded, 0), coalesce(day.exhausted, 0), coalesce(times_part(times, 0.5), 0),
                 coalesce(times_part(times, 0.95), 0)];
end $$;
