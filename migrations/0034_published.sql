-- Publishing from SQL: posthorn.publish(app, type, data, idempotency_key) is called in the caller's own transaction. It
-- judges what SQL can judge and leaves a row, which a worker makes an event of as soon as there is a commit, by the
-- statement of all other events (src/worker/inbox.c). So a transaction that stays open holds nothing that anybody waits
-- for: no key, no lock, no row of anything but its own.

-- What waits. An app's go in the order of their numbers, which is that of the calls. No reference to the app: it would
-- lock that for as long as the caller's transaction is open.
create table published (
    app_id       uuid not null,
    n            int8 not null generated always as identity,
    id           uuid not null, -- the event's
    bytes        int4 not null, -- of data
    type         text not null,
    key          uuid,          -- of the idempotency key, and of what was asked for with it: src/core/idempotency.c
    hash         uuid,
    ordering_key text,
    coalesce_key text,
    deliver_at   timestamptz,
    expires_at   timestamptz,
    data         bytea not null,
    primary key (app_id, n)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 100000);
create index published_key on published (key) where key is not null;

do $$
begin
    alter table published alter column data set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no LZ4: large values stay with pglz';
end $$;

-- What was published and did not become an event, since something was found out only then: the data did not fit the schema of
-- its type, say. Without the data, for it is nobody's task to erase it here.
create table published_refused (
    app_id uuid not null,
    n      int8 not null generated always as identity,
    at     timestamptz not null default now(),
    id     uuid not null, -- that publish() has answered
    type   text not null,
    reason text not null,
    detail text,
    primary key (app_id, n)
);
create index published_refused_at on published_refused (at);

-- The last thousand of each app.
create function published_refused_bound() returns trigger language plpgsql as $$
begin
    delete from published_refused where (app_id, n) in (
        select a.app_id, r.n from (select distinct app_id from added) a
         cross join lateral (select n from published_refused where app_id = a.app_id
                              order by app_id, n desc offset 1000 limit 5000) r);
    return null;
end $$;

create trigger published_refused_bound after insert on published_refused referencing new table as added
for each statement execute function published_refused_bound();

-- Which roles may publish for which apps; app_id is null: for all. deploy/publisher.sql writes it.
create table publisher (
    role   text not null,
    app_id uuid,
    unique (role, app_id)
);

-- Apps of which no more may wait. Not unique, lest one who writes waits for another; whoever takes something of the app takes
-- its rows away.
create table published_full (app_id uuid not null);
create index published_full_app on published_full (app_id);

-- Ids as they are shown (include/base/id.h).
create function id_text(prefix text, id uuid) returns text language sql immutable strict parallel safe as $$
    select prefix || '_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
               1 + substring(bits from n * 5 + 1 for 5)::bit(5)::int, 1), '' order by n)
      from (select B'00' || ('x' || replace(id::text, '-', ''))::bit(128) as bits) b, generate_series(0, 25) n
$$;

create function id_of_text(prefix text, shown text) returns uuid language sql immutable strict parallel safe as $$
    select string_agg(to_hex(substring(bits from 3 + n * 4 for 4)::bit(4)::int), '' order by n)::uuid
      from (select string_agg((strpos('0123456789abcdefghjkmnpqrstvwxyz', digit) - 1)::bit(5)::text, '' order by at)
                   as bits
              from regexp_split_to_table(substr(shown, length(prefix) + 2), '') with ordinality d (digit, at)
             where shown ~ ('^' || prefix || '_[0-7][0-9a-hjkmnp-tv-z]{25}$')) b, generate_series(0, 31) n
     where bits is not null
$$;

-- 128 bits of HMAC-SHA256 under the key that src/core/idempotency.c has.
create function request_hash(said bytea) returns uuid language sql immutable strict parallel safe as $$
    select encode(substr(sha256(
        '\x2c332f2834332e32712e392d29392f285c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c'
        || sha256(
        '\x465945425e5944581b44534743534542363636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363636'
        || said)), 1, 16), 'hex')::uuid
$$;

create function json_is_object(said text) returns bool language plpgsql immutable parallel safe as $$
begin
    return json_typeof(said::json) = 'object';
exception when data_exception or statement_too_complex or program_limit_exceeded then
    return false;
end $$;

-- The app, if whoever is connected may publish for it: the owner of the schema may for all. The role is that of the login,
-- whatever `set role` says, since nothing else is known to a function that runs as its owner.
create function publisher_app(named text, out id uuid, out checks int2) language plpgsql stable security definer as $$
begin
    select a.id, a.checks into id, checks from app a
     where a.uid = named or a.id = id_of_text('app', named);
    if id is null or not (pg_has_role(session_user, current_user, 'usage') or exists (
            select from publisher p join pg_roles r on r.rolname = p.role
             where (p.app_id is null or p.app_id = publisher_app.id) and pg_has_role(session_user, r.oid, 'usage'))) then
        raise exception 'there is no app "%" that "%" may publish for', left(named, 200), session_user
            using errcode = 'PH101',
                  hint = 'Give its uid or its id. The owner of Posthorn''s database lets a role publish by deploy/publisher.sql.';
    end if;
end $$;

create function event_publish(to_app text, of_type text, said text, idempotency text, ordering text, coalescing text,
                              deliver timestamptz, expires timestamptz)
returns text language plpgsql volatile security definer as $$
declare
    app    record;
    body   bytea;
    extras text := '';
    wrong  text;
    the_key  uuid;
    the_hash uuid;
    was    record;
    event  uuid;
    number int8;
    told   text;
begin
    select * into app from publisher_app(to_app);
    if (of_type collate "C" ~ '^[A-Za-z0-9_.-]{1,128}$') is not true then
        raise exception 'type must be 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"' using errcode = 'PH102';
    end if;
    if said is null or octet_length(said) > 1048000 then
        raise exception 'data must be a JSON object of 1048000 bytes at most' using errcode =
            case when said is null then 'PH103' else 'PH104' end;
    end if;
    said := btrim(said, E' \t\n\r');
    if not json_is_object(said) then
        raise exception 'data must be a JSON object' using errcode = 'PH103';
    end if;
    if idempotency collate "C" !~ '^[ -~]{1,255}$' then
        raise exception 'idempotency_key must be 1 to 255 printable ASCII characters' using errcode = 'PH105';
    end if;
    wrong := case
        when ordering collate "C" !~ '^[^\u0001-\u001f\u007f]{1,255}$' then
            'ordering_key must be 1 to 255 characters, none of them a control character'
        when coalescing collate "C" !~ '^[^\u0001-\u001f\u007f]{1,255}$' then
            'coalesce_key must be 1 to 255 characters, none of them a control character'
        when not isfinite(deliver) or not isfinite(expires) then 'deliver_at and expires_at must be finite'
        when deliver >= expires then 'expires_at must be later than deliver_at' end;
    if wrong is not null then
        raise exception '%', wrong using errcode = 'PH106';
    end if;
    if app.checks & 1 <> 0 and not exists (select from event_type t where t.app_id = app.id and t.name = of_type) then
        raise exception 'type "%" is not in the catalogue of the app, which has strict_types', of_type
            using errcode = 'PH108', hint = 'Make it at /event-types first.';
    end if;

    body := convert_to(said, 'UTF8');
    if idempotency is not null then
        if ordering is not null or coalescing is not null or deliver is not null or expires is not null then
            extras := format('%s %s %s %s %s %s', coalesce(ms_of(deliver), 0), coalesce(ms_of(expires), 0),
                             coalesce(octet_length(convert_to(ordering, 'UTF8')), 0),
                             coalesce(octet_length(convert_to(coalescing, 'UTF8')), 0), ordering, coalescing);
        end if;
        the_key := request_hash(uuid_send(app.id) || 'e'::bytea || '\x0000000000000000'::bytea
                                || convert_to(idempotency, 'UTF8'));
        the_hash := request_hash(convert_to(of_type, 'UTF8') || '\x00'::bytea || body || '\x00'::bytea
                                 || convert_to(extras, 'UTF8'));
        -- In this order: what leaves the one meanwhile is in the other.
        select p.id, p.hash into was from published p where p.key = the_key order by p.n limit 1;
        if not found then
            select i.event_id as id, i.hash into was from idempotency i
             where i.key = the_key and i.expires_at > clock_timestamp();
        end if;
        if was.hash = the_hash then
            return id_text('evt', was.id);
        elsif was.hash <> the_hash then
            raise exception 'idempotency_key was used for another event within the last 24 hours'
                using errcode = 'PH107', hint = 'Repeat what was published with it, or choose another key.';
        end if;
    end if;

    if exists (select from published_full f where f.app_id = app.id) then
        raise exception 'a million events of the app wait already' using errcode = 'PH109',
            hint = 'Is a worker of Posthorn running? They are taken as soon as there is one.';
    end if;
    event := new_id();
    insert into published (app_id, id, bytes, type, key, hash, ordering_key, coalesce_key, deliver_at, expires_at, data)
    values (app.id, event, octet_length(body), of_type, the_key, the_hash, ordering, coalescing, deliver, expires, body)
    returning n into number;
    -- A million of an app, or some more: counting takes a while.
    if number % 1000 = 0
       and (select count(*) from (select from published p where p.app_id = app.id limit 1000001) p) > 1000000 then
        insert into published_full values (app.id);
    end if;
    -- A transaction tells of an app once: from which number on there is something.
    told := 'posthorn.told_' || replace(app.id::text, '-', '');
    if coalesce(current_setting(told, true), '') = '' then
        perform pg_notify('posthorn_published', app.id || ' ' || number), set_config(told, 'true', true);
    end if;
    return id_text('evt', event);
end $$;

create function event_refusals(of_app text)
returns table (id text, type text, refused_at timestamptz, reason text, detail text)
language plpgsql stable security definer as $$
begin
    return query select id_text('evt', r.id), r.type, r.at, r.reason, r.detail
                   from publisher_app(of_app) a join published_refused r on r.app_id = a.id order by r.n desc;
end $$;

-- Lets a role publish for an app, or for all ('*'); by the owner.
create function publisher_allow(who text, for_app text) returns void language plpgsql as $$
begin
    if not exists (select from pg_roles where rolname = who) then
        raise exception 'there is no role "%"', who using errcode = 'undefined_object';
    end if;
    insert into publisher select who, case when for_app <> '*' then (select a.id from publisher_app(for_app) a) end
     where not exists (select from publisher p where p.role = who and (for_app = '*') = (p.app_id is null)
                          and (for_app = '*' or p.app_id = (select a.id from publisher_app(for_app) a)));
end $$;

-- What callers call, in the schema `posthorn`, whatever their search_path and wherever the tables are. Literals without a
-- type are text.
create function publisher_expose() returns void language plpgsql as $$
declare
    home text := relnamespace::regnamespace from pg_class where oid = 'published'::regclass;
    kind text;
begin
    if to_regnamespace('posthorn') is null then
        create schema posthorn;
    end if;
    if to_regprocedure('posthorn.refusals(text)') is not null then
        raise notice 'posthorn.publish() is there already';
        return;
    end if;
    foreach kind in array array['text', 'json', 'jsonb'] loop
        execute format(
            'create function posthorn.publish(app text, type text, data %2$s, idempotency_key text default null,'
            ' ordering_key text default null, coalesce_key text default null, deliver_at timestamptz default null,'
            ' expires_at timestamptz default null) returns text language sql volatile as'
            ' $f$ select %1$s.event_publish($1, $2, $3::text, $4, $5, $6, $7, $8) $f$', home, kind);
    end loop;
    execute format(
        'create function posthorn.refusals(app text)'
        ' returns table (id text, type text, refused_at timestamptz, reason text, detail text) language sql stable as'
        ' $f$ select * from %s.event_refusals($1) $f$', home);
end $$;

-- As for days_drop() (0018_roles.sql).
do $$
declare
    f text;
begin
    foreach f in array array['publisher_app(text)', 'event_refusals(text)',
                             'event_publish(text, text, text, text, text, text, timestamptz, timestamptz)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
        execute format('revoke execute on function %s from public', f);
    end loop;
    -- Who may not make a schema has it made by whoever may (deploy/publisher.sql).
    if (case when to_regnamespace('posthorn') is null then has_database_privilege(current_database(), 'create')
             else has_schema_privilege('posthorn', 'create') end) then
        perform publisher_expose();
    else
        raise notice 'posthorn.publish() is not there yet: see deploy/publisher.sql';
    end if;
end $$;
