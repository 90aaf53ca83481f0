-- What a webhook's numbers of the last day cost in lists: functions whose plans are kept, for a third of the time.
create or replace function times_part(times int8[], part float8) returns int8 language plpgsql immutable strict parallel safe as $$
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

create or replace function webhook_day(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
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
