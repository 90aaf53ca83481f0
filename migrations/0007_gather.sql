-- Gathering: a webhook whose messages are arrays gets what is due together in one request.
alter table webhook
    add column batch_max int4 not null default 1; -- events in one request; more than 1: it gathers
update webhook set batch_max = 1000
    where profile in ('marzban', 'marzban-docs')
      and coalesce(profile_options::json ->> 'envelope',
                   case profile when 'marzban' then 'array' else 'object' end) = 'array';

-- When what is accepted now for a webhook that gathers is due: with what waits already, or so many seconds from now.
-- One statement at a time asks for a webhook, and the next sees what it stored: two that each begin a window would
-- make two requests of it.
create function gather_due(webhook uuid, seconds int) returns timestamptz language plpgsql as $$
declare
    at    timestamptz;
    first timestamptz;
begin
    perform pg_advisory_xact_lock(hashtextextended(webhook::text, 6));
    at := clock_timestamp();
    select next_at into first from delivery
        where webhook_id = webhook and state = 0
          and next_at > at and next_at <= at + seconds * interval '1 s'
        order by next_at limit 1;
    return coalesce(first, at + seconds * interval '1 s');
end $$;

-- Leases what is due beside a delivery of a webhook that gathers: the earliest first, at most `most` with `bytes` of
-- data in all. What another has locked is another's. A function, so that claims of other webhooks pay nothing for it.
create function gather_claim(gatherer uuid, token int8, owner int8, due timestamptz, until timestamptz, most int8,
                             bytes int8)
    returns setof delivery rows 1 language plpgsql as $$
#variable_conflict use_column
begin
    return query
    with n as materialized (
        select d.id, d.event_id, d.next_at from delivery d
        where d.webhook_id = gatherer and d.state = 0 and not d.test and d.next_at <= due
          and (d.lease_until is null or d.lease_until < now())
        order by d.next_at, d.id limit most
    ), b as materialized (
        select n.id, sum(octet_length(e.data)) over (order by n.next_at, n.id) as sum
        from n cross join lateral (select data from event where event.id = n.event_id offset 0) e
    ), l as materialized (
        select d.id from b cross join lateral (
            select x.id from delivery x
            where x.id = b.id and x.state = 0 and (x.lease_until is null or x.lease_until < now())
            for update skip locked) d
        where b.sum <= bytes
    )
    update delivery t set lease_token = token, lease_owner = owner, lease_until = until,
            attempts = least(t.attempts + 1, 32767)
        from l where t.id = l.id
        returning t.*;
end $$;
