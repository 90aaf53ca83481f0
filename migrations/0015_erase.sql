-- Erasing: an event loses its data, and its attempts lose what they keep of it and of the answers, which may repeat it.
-- All else stays, so that the history still explains itself.
--
-- A delivery's expires_at is 'epoch' from then on, which no event's can be: it is not begun any more, and of what is
-- recorded of it afterwards no copy stays. Deliveries are marked first, so many at a time; once all of an event's are,
-- its data goes. Who makes deliveries of an event that is there already locks it, and is waited for.
alter table event add column erased_at timestamptz; -- then data is ''

-- Of deliveries, their ids in order: what their attempts keep of messages.
create function attempts_strip(ids uuid[]) returns void language sql as
$$ update attempt a set error_text = '', request_head = '', response_head = null, response_body = null, body_cut = false
    where a.delivery_id = any (ids) and a.delivery_id between ids[1] and ids[cardinality(ids)] $$;

-- For a record that did not move all of its deliveries, or moved some that are marked: of those that are erased no copy
-- stays. What somebody else has locked may be marked at this moment: it is taken as if it were. What is locked here is
-- marked after this commit, by one who sees what it recorded. No row is waited for. The second array is handed through:
-- the statement has a use for it, and calls this on its way.
create function attempts_recheck(recorded uuid[], others uuid[]) returns uuid[] language plpgsql as $$
declare
    ids uuid[] := array(select x from unnest(recorded) x order by x);
    kept uuid[];
begin
    kept := array(select d.id from delivery d
                   where d.id = any (ids) and d.id between ids[1] and ids[cardinality(ids)]
                     and d.expires_at is distinct from 'epoch' for no key update skip locked);
    perform attempts_strip(array(select x from unnest(ids) x where x <> all (kept) order by x));
    return others;
end $$;

-- Erases events, their ids in order: as many as have so many deliveries in all that are not marked; or so many deliveries
-- of the first, if it alone has more, which then keeps its data until nothing is left. What waits is ended with
-- `error`, what is in flight is left to its attempt. Those that are erased now, and who is due instead of what was
-- ended, as entries for the queue.
create function events_erase(ids uuid[], most int8, error int2)
returns table (erased uuid, id uuid, webhook_id uuid, app_id uuid, test bool, delay_ms int8, concurrency int8,
               rate_limit int8)
language plpgsql strict as $$
declare
    one uuid;
    its uuid[]; -- deliveries
    whole uuid[] := '{}';
    marked uuid[] := '{}';
    ended uuid[];
begin
    perform from event e where e.id = any (ids) and e.id between ids[1] and ids[cardinality(ids)]
      order by e.id for no key update;
    foreach one in array ids loop
        its := array(
            select d.id from delivery d
             where d.event_id = one and d.id between delivery_low(one) and delivery_high(one)
               and d.expires_at is distinct from 'epoch'
             order by d.id limit most - cardinality(marked) + 1 for no key update);
        if cardinality(marked) + cardinality(its) > most then
            if whole = '{}' then
                marked := its[1:most];
            end if;
            exit;
        end if;
        marked := marked || its;
        whole := whole || one;
    end loop;
    marked := array(select x from unnest(marked) x order by x);
    with u as (
        update delivery d set expires_at = 'epoch', state = 3, completed_at = now(), last_error = error
         where d.id = any (marked) and d.id between marked[1] and marked[cardinality(marked)]
           and (d.state = 4 or (d.state = 0 and (d.lease_until is null or d.lease_until < now())))
        returning d.id, d.lane)
    select array_agg(u.id order by u.id) into ended from u where u.lane is not null;
    update delivery d set expires_at = 'epoch', replaces = null -- else an event of its coalesce_key takes the mark away
     where d.id = any (marked) and d.id between marked[1] and marked[cardinality(marked)]
       and d.expires_at is distinct from 'epoch';
    perform attempts_strip(marked);
    update event e set data = '', erased_at = now()
     where e.id = any (whole) and e.id between whole[1] and whole[cardinality(whole)] and e.erased_at is null;
    return query select w, null::uuid, null::uuid, null::uuid, null::bool, null::int8, null::int8, null::int8
                   from unnest(whole) w;
    return query select null::uuid, l.* from lanes_wake(ended) l;
end $$;
