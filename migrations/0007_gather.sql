-- Gathering: a webhook whose messages are arrays gets what is due together in one request.
alter table webhook
    add column batch_max int4 not null default 1; -- events in one request; more than 1: it gathers
update webhook set batch_max = 1000
    where profile in ('marzban', 'marzban-docs')
      and coalesce(profile_options::json ->> 'envelope',
                   case profile when 'marzban' then 'array' else 'object' end) = 'array';

-- When what is accepted now for a webhook that gathers is due: with what waits already, unless that goes before this
-- is stored, or so many seconds from now.
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
          and next_at > at + interval '100 ms' and next_at <= at + seconds * interval '1 s'
        order by next_at limit 1;
    return coalesce(first, at + seconds * interval '1 s');
end $$;
