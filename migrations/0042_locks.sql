-- What statements that accept lock to their commit beside rows: eight locks of each kind at most for an app, 8,192 in all,
-- however many webhooks that gather or keys that replace it has. PostgreSQL has room for some thousands in all (14,000 as it
-- comes), and when one app's events took them, everybody's statements failed. Who takes several takes them in the order of
-- these numbers. Lanes have locks of their own still: there are as many as a statement has deliveries at most, and who
-- claims and who records would wait for each other.
create function bounded_lock(kind int4, app uuid, what int8) returns int8 language sql immutable parallel safe as
$$ select (kind::int8 << 32) | ((hashtextextended(app::text, 0) & 1023) << 3) | (what & 7) $$;

-- Nobody holds one of the old ones beside one of the new.
lock table only delivery in share row exclusive mode;

create function gather_lock(app uuid, webhook uuid) returns int8 language sql immutable parallel safe as
$$ select bounded_lock(7, app, hashtextextended(webhook::text, 7)) $$;

create function replace_lock(app uuid, webhook uuid, replaces int8) returns int8 language sql immutable parallel safe as
$$ select bounded_lock(13, app, hashtextextended(webhook::text, replaces)) $$;

create or replace function gather_due(webhook uuid, seconds int) returns timestamptz language plpgsql as $$
declare
    at    timestamptz;
    first timestamptz;
begin
    perform pg_advisory_xact_lock(gather_lock(w.app_id, w.id)) from webhook w where w.id = webhook;
    at := clock_timestamp();
    select next_at into first from delivery
        where webhook_id = webhook and state = 0
          and next_at > at + interval '100 ms' and next_at <= at + seconds * interval '1 s'
        order by next_at limit 1;
    return coalesce(first, at + seconds * interval '1 s');
end $$;

create or replace function deliveries_replace(ids uuid[], error int2)
returns table (id uuid, webhook_id uuid, app_id uuid, test bool, delay_ms int8, concurrency int8, rate_limit int8)
language plpgsql strict rows 1 as $$
declare
    old uuid[];
begin
    perform pg_advisory_xact_lock(k.key) from (
        select distinct replace_lock(d.app_id, d.webhook_id, d.replaces) as key from delivery d
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
