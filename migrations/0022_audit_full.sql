-- Whoever has a key cannot push what was done with it out of the audit log by more of the same. What is younger than 30 days
-- goes for nothing but its age: a key that has left more entries of an app in that time than three times what the bound on
-- them (POSTHORN_AUDIT_ROWS_PER_APP) leaves to others may make no further changes there, until enough of its own are older
-- or the bound is higher. The half of the bound is everybody's in equal parts, whatever others have left. Admin keys always
-- may: the bound is theirs, and so is a key that has to be revoked.
create table audit_full (
    app_id uuid,
    key_id uuid,
    primary key (app_id, key_id)
);

create or replace function audit_row(action int8, actor int8, key uuid, address text, request uuid, fields text[],
                                     app uuid, resource uuid, name text) returns setof audit language plpgsql stable rows 1 as $$
begin
    if exists (select from audit_full f where f.app_id = app and f.key_id = key) then
        raise exception 'the audit log of app % has no room for key %', app, key using errcode = 'PH003';
    end if;
    return query select new_id(), app, action::int2, actor::int2, key, (select k.name from api_key k where k.id = key),
                        address, request, resource, name, fields;
end $$;

-- Says of an app which keys are to make no further changes. Nobody has so much before all have three quarters.
create function audit_fill(app uuid, rows int8, since uuid) returns void language plpgsql as $$
declare
    full_keys uuid[] := '{}';
begin
    perform from audit a where a.app_id = app and a.id >= since order by a.app_id, a.id desc offset rows * 3 / 4 limit 1;
    if found then
        with k as (select a.key_id, count(*) as n from audit a where a.app_id = app and a.id >= since group by a.key_id)
        select coalesce(array_agg(k.key_id), '{}') into full_keys from k join api_key on api_key.id = k.key_id
         where api_key.scope < 3
           and k.n > (select greatest(3 * (rows - sum(n)), rows / (2 * count(*))) from k);
    end if;
    delete from audit_full f where f.app_id = app and f.key_id <> all (full_keys);
    insert into audit_full select app, unnest(full_keys) on conflict do nothing;
end $$;

-- As before (0020_audit.sql), but that of an app's entries above the bound the young ones stay.
create or replace function audit_forget(days int8, rows int8, most int8, after uuid, out old int8, out above int8, out at uuid)
language plpgsql security definer as $$
declare
    young uuid := id_floor(now() - interval '30 days');
    one   uuid;
    last  uuid;
    n     int8;
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
                select id from audit where app_id = one and id <= last and id < young order by app_id, id
                 limit most - old - above for update skip locked);
            get diagnostics n = row_count;
            above := above + n;
        end if;
        if old + above >= most then
            return; -- there may be more of this one
        end if;
        perform audit_fill(one, rows, young);
        at := one;
        if clock_timestamp() > statement_timestamp() + interval '200 ms' then
            return;
        end if;
    end loop;
    at := null;
end $$;

do $$
begin
    execute format('alter function audit_forget(int8, int8, int8, uuid) set search_path = %I, pg_temp', current_schema());
    revoke execute on function audit_fill(uuid, int8, uuid) from public;
end $$;
