-- Dropping what is past retention tells how many deliveries went that had not ended.
drop function partitions_drop(int);

create function partitions_drop(days int, out dropped int8, out unended int8) language plpgsql as $$
declare
    child text;
    n     int8;
begin
    dropped := 0;
    unended := 0;
    for child in
        select c.relname from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        join pg_class p on p.oid = i.inhparent
        where p.oid in ('event'::regclass, 'delivery'::regclass, 'attempt'::regclass)
          and to_date(right(c.relname, 8), 'YYYYMMDD')
              < (now() at time zone 'UTC')::date - days
    loop
        if child like 'delivery%' then
            -- both are read off partial indexes
            execute format('select (select count(*) from %I where state = 0)
                                 + (select count(*) from %I where state = 4)', child, child) into n;
            unended := unended + n;
        end if;
        execute format('drop table %I', child);
        dropped := dropped + 1;
    end loop;
end $$;
