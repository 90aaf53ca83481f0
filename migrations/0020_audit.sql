-- Who changed what, when and from where: a row for each change, written by the statement that makes it, so that there is
-- none without the other. Fields are names; what was written into them stands nowhere here. Numbers are those of
-- include/core/audit.h.
create table audit (
    id         uuid primary key,
    app_id     uuid, -- null: it is of no app
    action     int2 not null,
    actor      int2 not null,
    key_id     uuid, -- null: done without a key of the ledger
    key_name   text, -- as it was then
    address    text, -- null: not over the network
    request_id uuid,
    resource   uuid, -- what was changed; or its name, if that is what it is known by
    name       text,
    fields     text[] not null
);
create index audit_app on audit (app_id, id desc);

-- A row to insert. Stable, although each has an id of its own: the key is looked for as the statement that calls this
-- began, which may be the one that deletes it.
create function audit_row(action int8, actor int8, key uuid, address text, request uuid, fields text[],
                          app uuid, resource uuid, name text) returns setof audit language sql stable as
$$ select new_id(), app, action::int2, actor::int2, key, (select k.name from api_key k where k.id = key),
          address, request, resource, name, fields $$;

-- Takes away what is older than so many days, and of each app after `after` the oldest above so many rows: `most` at most.
-- Finding out takes a while of an app that has so many, so that it looks at apps for a fifth of a second: `at` is the last
-- of those, or null if it was the last of all. Nobody else needs to delete rows, or to change any (deploy/roles.sql).
create function audit_forget(days int8, rows int8, most int8, after uuid, out old int8, out above int8, out at uuid)
language plpgsql security definer as $$
declare
    one  uuid;
    last uuid;
    n    int8;
begin
    if days is null or days < 1 or rows is null or rows < 1000 then
        raise exception 'audit_forget: % days, % rows', days, rows using errcode = 'invalid_parameter_value';
    end if;
    delete from audit where id in (
        select id from audit where id < id_floor(now() - days * interval '24 h') order by id limit most
           for update skip locked);
    get diagnostics old = row_count;
    above := 0;
    at := after;
    for one in select id from app where id > after order by id loop
        select id into last from audit where app_id = one order by app_id, id desc offset rows limit 1;
        if last is not null then
            delete from audit where id in (
                select id from audit where app_id = one and id <= last order by app_id, id limit most - old - above
                   for update skip locked);
            get diagnostics n = row_count;
            above := above + n;
        end if;
        if old + above >= most then
            return; -- there may be more of this one
        end if;
        at := one;
        if clock_timestamp() > statement_timestamp() + interval '200 ms' then
            return;
        end if;
    end loop;
    at := null;
end $$;

-- As for days_drop() (0018_roles.sql).
do $$
begin
    execute format('alter function audit_forget(int8, int8, int8, uuid) set search_path = %I, pg_temp', current_schema());
    revoke execute on function audit_forget(int8, int8, int8, uuid) from public;
end $$;

-- The rate of a key; null: that of the options, 0: none.
alter table api_key add column requests_per_second int4;
