-- A role that owns nothing can run the service: days of the ledger are made and dropped by functions that run as their
-- owner, and do that and nothing else. deploy/roles.sql gives such a role what it needs.
create function days_make() returns void language plpgsql security definer as $$
begin
    perform partitions_make(-1, 7);
end $$;

create function days_drop(days int, out dropped int8, out unended int8) language plpgsql security definer as $$
begin
    if days is null or days < 1 then
        raise exception 'days_drop: % days', days using errcode = 'invalid_parameter_value';
    end if;
    select d.dropped, d.unended into dropped, unended from partitions_drop(days) d;
end $$;

-- What a caller's search_path names comes into none of what they say, temporary tables last of all.
do $$
declare
    f text;
begin
    foreach f in array array['days_make()', 'days_drop(int)', 'partitions_make(int, int)', 'partitions_drop(int)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
        execute format('revoke execute on function %s from public', f);
    end loop;
end $$;
