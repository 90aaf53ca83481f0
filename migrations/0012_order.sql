-- Order, replacing, and times of events.
--
-- A delivery with a lane waits its turn: of those of one webhook and lane that have not ended, one at a time is
-- sent, retries included. Turns come from a sequence, so that they follow the order of commits and not the clocks
-- of those who accept; a statement that accepts or replays many takes one number and counts on from it.
--
--   lane  null: none; 0: the webhook keeps order; else from the event's ordering_key
--   turn  null: it has not entered its lane, for its time has not come; 0: it was begun, and is the lane's first
--         until it has ended; else its place
--
-- Who has entered, was not begun, and is not due sleeps: it is in no queue. Whoever ends a delivery wakes the first.
alter table webhook add column ordering int2 not null default 0; -- 0 none, 1 by webhook

alter table event
    add column ordering_key text,
    add column coalesce_key text,
    add column lane         int8, -- the numbers of both keys
    add column replaces     int8,
    add column deliver_at   timestamptz,
    add column expires_at   timestamptz;

alter table delivery
    add column lane       int8,
    add column turn       int8,
    add column replaces   int8,        -- from the event's coalesce_key
    add column expires_at timestamptz; -- not sent from then on; -infinity: it was replaced in flight

create sequence delivery_turn increment by 1048576;

create index delivery_lane on delivery (webhook_id, lane, turn) where turn is not null and state in (0, 4);
create index delivery_replaces on delivery (webhook_id, replaces) where replaces is not null and state in (0, 4);

-- What a lane is locked by. Its state is looked at and changed with the lock held to the commit, and by a statement
-- that began after it was taken (hence functions: each of their statements sees what was committed until then). So
-- whoever puts a delivery to sleep has seen the one before it, whose end has yet to take the lock and look for sleepers.
-- Locks of several lanes are taken in the order of their keys, rows before lanes, and no row is waited for after.
create function lane_lock(webhook uuid, lane int8) returns int8 language sql immutable parallel safe as
$$ select hashtextextended(webhook::text, lane) $$;

-- Sets a lane's first going if it sleeps; null: it does not. If somebody has locked it, it is being ended or set going:
-- who ends it will look here.
create function lane_wake(of_webhook uuid, of_lane int8) returns uuid language plpgsql as $$
declare
    head record;
    woken uuid;
begin
    perform pg_advisory_xact_lock(lane_lock(of_webhook, of_lane));
    select d.id, d.state, d.turn, d.next_at into head from delivery d
     where d.webhook_id = of_webhook and d.lane = of_lane and d.turn is not null and d.state in (0, 4)
     order by d.turn limit 1;
    if head.state = 0 and head.turn > 0 and head.next_at > now() then
        select d.id into woken from delivery d
         where d.id = head.id and d.state = 0 and d.next_at > now() for update skip locked;
        update delivery d set next_at = now() where d.id = woken;
    end if;
    return woken;
end $$;

-- For deliveries that were ended, their ids in order: who is due now instead, as entries for the queue.
create function lanes_wake(ids uuid[])
returns table (id uuid, webhook_id uuid, app_id uuid, test bool, delay_ms int8, concurrency int8, rate_limit int8)
language plpgsql strict rows 1 as $$
declare
    l record;
    woken uuid;
begin
    for l in
        select distinct lane_lock(d.webhook_id, d.lane) as key, d.webhook_id, d.lane from delivery d
         where d.id = any (ids) and d.id between ids[1] and ids[cardinality(ids)] and d.lane is not null
         order by key
    loop
        woken := lane_wake(l.webhook_id, l.lane);
        if woken is not null then
            return query select woken, w.id, w.app_id, false, 0::int8, w.concurrency::int8, w.rate_limit::int8
                         from webhook w where w.id = l.webhook_id;
        end if;
    end loop;
end $$;

-- Of deliveries that were just leased, their ids in order: those whose turn has come stay so and are begun; the others
-- are put to sleep. `woken` is as above, for these, and for those that were moved instead of leased.
create function lanes_claim(ids uuid[]) returns table (id uuid, asleep bool, woken uuid)
language plpgsql strict rows 1 as $$
declare
    d record;
    place int8;
begin
    for d in
        select t.id, t.webhook_id, t.lane, t.turn, t.state, lane_lock(t.webhook_id, t.lane) as key from delivery t
         where t.id = any (ids) and t.id between ids[1] and ids[cardinality(ids)]
         order by key, t.turn nulls last, t.id
    loop
        perform pg_advisory_xact_lock(d.key);
        place := coalesce(d.turn, nextval('delivery_turn'));
        id := d.id;
        asleep := d.state = 0 and exists (
            select from delivery b where b.webhook_id = d.webhook_id and b.lane = d.lane and b.turn is not null
               and b.turn < place and b.state in (0, 4));
        if asleep then
            update delivery t set turn = place, next_at = least('infinity', t.expires_at),
                   lease_token = null, lease_until = null, lease_owner = null, attempts = t.attempts - 1
             where t.id = d.id;
        elsif d.state = 0 then
            update delivery t set turn = 0 where t.id = d.id and t.turn is distinct from 0;
        end if;
        woken := case when asleep or d.state <> 0 then lane_wake(d.webhook_id, d.lane) end;
        return next;
    end loop;
end $$;

-- For new deliveries that replace, their ids in order: ends those that wait for the same, older ones of `ids` too, with
-- `error`; those in flight will not be tried again. Of two that are accepted at once the second to take the lock
-- counts. Who is due now instead, as above.
create function deliveries_replace(ids uuid[], error int2)
returns table (id uuid, webhook_id uuid, app_id uuid, test bool, delay_ms int8, concurrency int8, rate_limit int8)
language plpgsql strict rows 1 as $$
declare
    old uuid[];
begin
    perform pg_advisory_xact_lock(k.key) from (
        select distinct hashtextextended(d.webhook_id::text, ~d.replaces) as key from delivery d
         where d.id = any (ids) and d.id between ids[1] and ids[cardinality(ids)] order by key) k;
    select array_agg(o.id) into old from (
        select d.id from (
            select distinct on (n.webhook_id, n.replaces) n.webhook_id, n.replaces, n.id from delivery n
             where n.id = any (ids) and n.id between ids[1] and ids[cardinality(ids)]
             order by n.webhook_id, n.replaces, n.id desc) latest
          join delivery d on d.webhook_id = latest.webhook_id and d.replaces = latest.replaces
         where d.replaces is not null and d.state in (0, 4) and d.id <> latest.id
         order by d.id for update of d) o;
    update delivery d set expires_at = '-infinity'
     where d.id = any (old) and d.id between old[1] and old[cardinality(old)] and d.state = 0
       and d.lease_until >= now();
    update delivery d set state = 3, completed_at = now(), last_error = error
     where d.id = any (old) and d.id between old[1] and old[cardinality(old)] 
       and (d.state = 4 or d.lease_until is null or d.lease_until < now());
    return query select * from lanes_wake(old);
end $$;
