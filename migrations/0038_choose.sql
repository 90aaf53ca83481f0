-- Which webhooks people look at: some of an app's thousand, by what they are called and where they lead, and those that something
-- is wrong with.
create index webhook_unwell on webhook (app_id, id desc)
    where deleted_at is null
      and (status = 2 or gate_failures >= 10 or gate_limit > 0 or gate_openings > 0 or gate_until is not null);

-- `chosen`: the status, < 0: any. `words`: what its uid, its description or its URL has, the host alone if not the `whole` URL may
-- be seen; null: anything. `needs`: 1 those whose health is other than healthy (gate_health() of core/gate) or that are disabled,
-- 0 the others, < 0: all.
create function webhook_fits(w webhook, chosen int8, words text, whole bool, needs int8) returns bool language sql stable
parallel safe as
$$ select (chosen < 0 or w.status = chosen)
      and (words is null or strpos(lower(concat_ws(e'\n', w.uid, w.description, case when whole then w.url else url_host(w.url) end)),
                                   lower(words)) > 0)
      and (needs < 0 or (w.status = 2 or w.gate_failures >= 10 or w.gate_limit > 0 or w.gate_openings > 0
                         or coalesce(w.gate_until > now(), false)) = (needs = 1)) $$;

-- A page of them, newest first. It looks at `scan` webhooks, the last of which comes whether it fits or not, and says that
-- there may be more; those that something is wrong with are found by their index.
create function webhooks_chosen(app uuid, before uuid, chosen int8, words text, whole bool, needs int8, scan int8, most int8)
returns table (id uuid, fits bool, ends bool) language plpgsql stable parallel safe rows 50 as $$
begin
    if needs = 1 then
        return query
        select w.id, true, false from webhook w
         where w.app_id = any (array[app]) and w.id < before and w.deleted_at is null
           and (w.status = 2 or w.gate_failures >= 10 or w.gate_limit > 0 or w.gate_openings > 0 or w.gate_until is not null)
           and webhook_fits(w, chosen, words, whole, needs)
         order by w.app_id, w.id desc limit most;
    else
        return query
        select y.id, y.fits, y.n = scan from (
            select x.*, row_number() over (order by x.app_id, x.id desc) as n from (
                select w.app_id, w.id, webhook_fits(w, chosen, words, whole, needs) as fits from webhook w
                 where w.app_id = any (array[app]) and w.id < before and w.deleted_at is null
                 order by w.app_id, w.id desc limit scan) x) y
         where y.fits or y.n = scan order by y.app_id, y.id desc limit most;
    end if;
end $$;

-- As in 0027_tally.sql. A page of webhooks asks it a hundred times, and each start of a query within would take as long as
-- all the rest.
create or replace function times_part(times int8[], part float8) returns int8 language plpgsql immutable parallel safe as $$
declare
    goal float8 := 0;
    upto float8 := 0;
    low  float8 := 0;
    high float8 := 1000;
    n    int8;
begin
    foreach n in array coalesce(times, '{}') loop
        goal := goal + n;
    end loop;
    goal := goal * part;
    foreach n in array coalesce(times, '{}') loop
        upto := upto + n;
        if n > 0 and upto >= goal then
            return (low + (high - low) * (goal - upto + n) / n)::int8;
        end if;
        low := high;
        high := high * 1.4142135623730951;
    end loop;
    return null;
end $$;

-- A webhook's hours of the last day, newest first, each as ms, attempts, succeeded, given up, retried, how many times follow, and
-- those: who reads them finds the parts.
create function webhook_times(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
begin
    return array(select n from tally t, unnest(array[ms_of(t.hour), t.attempts, t.succeeded, t.exhausted, t.retried,
                        cardinality(t.times)] || t.times) with ordinality u (n, i)
                  where app_id = app and webhook_id = webhook and hour > now() - interval '24 h' order by hour desc, i);
end $$;
