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
create function times_part(times int8[], part float8) returns int8 language sql immutable parallel safe as
$$ select (1000 * (case when i = 1 then 0 else 2 ^ ((i - 2) / 2.0) end
                   + (2 ^ ((i - 1) / 2.0) - case when i = 1 then 0 else 2 ^ ((i - 2) / 2.0) end)
                     * (part * total - upto + n) / n))::int8
     from (select i, n, sum(n) over (order by i) as upto, sum(n) over () as total
             from unnest(times) with ordinality t (n, i)) x
    where n > 0 and upto >= part * total order by i limit 1 $$;

-- Of the last 24 hours: when it last succeeded and failed (ms), attempts, those that succeeded, deliveries that failed for
-- good, and what half of the attempts and 95 of 100 took at most (us). 0: never, none.
create function webhook_day(app uuid, webhook uuid) returns int8[] language sql stable parallel safe as
$$ with t as (select * from tally where app_id = app and webhook_id = webhook and hour > now() - interval '24 h'),
     l as (select last_success_at, last_failure_at from tally
            where app_id = app and webhook_id = webhook order by hour desc limit 1),
     s as (select array(select sum(n)::int8 from t, unnest(times) with ordinality u (n, i) group by i order by i) as times)
   select array[coalesce((select ms_of(last_success_at) from l), 0), coalesce((select ms_of(last_failure_at) from l), 0),
                coalesce(sum(attempts)::int8, 0), coalesce(sum(succeeded)::int8, 0), coalesce(sum(exhausted)::int8, 0),
                coalesce((select times_part(times, 0.5) from s), 0), coalesce((select times_part(times, 0.95) from s), 0)]
     from t $$;
