-- What a delivery writes, shorter (migrations/README.md). Heads are stored in shorthand (src/core/shorthand.c) from here
-- on, beside those that are not; and what is usual of an attempt is null: no error, no time spent, nothing cut.
alter table attempt
    alter column dns_us drop not null, alter column connect_us drop not null, alter column tls_us drop not null,
    alter column first_byte_us drop not null, alter column total_us drop not null, alter column error drop not null,
    alter column body_cut drop not null, alter column address drop not null, alter column error_text drop not null;

-- The bytes of a head as it was.
create function head_bytes(stored bytea) returns int4 language sql immutable parallel safe as
$$ select case when octet_length(stored) > 2 and substr(stored, 1, 1) = '\x01'
               then get_byte(stored, 1) * 256 + get_byte(stored, 2)
               else octet_length(stored) end $$;

-- The attempt that delivered it stands in its delivery's own row, which is written at that moment anyway, the first one if
-- there are several. sent_at is when it was started. All others are rows of their own.
alter table delivery
    add column sent_token         int8,
    add column sent_at            timestamptz,
    add column sent_dns_us        int4,
    add column sent_connect_us    int4,
    add column sent_tls_us        int4,
    add column sent_first_byte_us int4,
    add column sent_total_us      int4,
    add column sent_number        int2,
    add column sent_code          int2,
    add column sent_body_cut      bool,
    add column sent_address       text,
    add column sent_url           text,
    add column sent_request_head  bytea,
    add column sent_response_head bytea,
    add column sent_response_body bytea;

-- All of them, wherever they stand.
create view attempts as
    select delivery_id, token, started_at, dns_us, connect_us, tls_us, first_byte_us, total_us, number, code, error,
           body_cut, address, error_text, request_head, response_head, response_body, url
      from attempt
    union all
    select id, sent_token, sent_at, sent_dns_us, sent_connect_us, sent_tls_us, sent_first_byte_us, sent_total_us,
           sent_number, sent_code, null, sent_body_cut, sent_address, null, sent_request_head, sent_response_head,
           sent_response_body, sent_url
      from delivery where sent_token is not null;

-- Whether this was recorded by now, not when the statement began. A function, so that who does not ask pays nothing.
create function attempt_recorded(of_delivery uuid, of_token int8) returns bool language plpgsql as $$
begin
    return exists (select from attempts where delivery_id = of_delivery and token = of_token);
end $$;

-- As before, also where the delivery has it. What somebody else has locked was not written by who calls this: it is left
-- to who may be erasing it.
create or replace function attempts_strip(ids uuid[]) returns void language sql as
$$ update attempt a set error_text = '', request_head = '', response_head = null, response_body = null, body_cut = false
    where a.delivery_id = any (ids) and a.delivery_id between ids[1] and ids[cardinality(ids)];
   update delivery d set sent_request_head = '', sent_response_head = null, sent_response_body = null, sent_body_cut = null
    where d.id between ids[1] and ids[cardinality(ids)]
      and d.id = any (array(select l.id from delivery l
                             where l.id = any (ids) and l.id between ids[1] and ids[cardinality(ids)]
                               and l.sent_request_head <> '' for no key update skip locked)) $$;

-- Room for that: a delivery's last version is more than twice as long as its first, and both updates stay on its page.
create or replace function partitions_make(first int, last int) returns void language plpgsql as $$
declare
    parent text;
    day    timestamptz;
    child  text;
begin
    foreach parent in array array['event', 'delivery', 'attempt'] loop
        for i in first..last loop
            day := (date_trunc('day', now() at time zone 'UTC') + make_interval(days => i))
                   at time zone 'UTC';
            child := parent || '_' || to_char(day at time zone 'UTC', 'YYYYMMDD');
            continue when to_regclass(child) is not null;
            execute format('create table %I (like %I including all)', child, parent);
            if parent = 'delivery' then
                execute format('alter table %I set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.02)', child);
            end if;
            execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                           parent, child, id_floor(day), id_floor(day + interval '24 h'));
        end loop;
    end loop;
end $$;

do $$
declare
    child regclass;
begin
    execute format('alter function partitions_make(int, int) set search_path = %I, pg_temp', current_schema());
    for child in
        select i.inhrelid from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'delivery'::regclass
           and to_date(right(c.relname, 8), 'YYYYMMDD') >= (now() at time zone 'UTC')::date
    loop
        execute format('alter table %s set (fillfactor = 25)', child);
    end loop;
end $$;
