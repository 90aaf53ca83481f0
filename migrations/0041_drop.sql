-- What has not ended is counted before the first partition is locked: who counts millions of rows while the events of that
-- range are locked, and with them their parent, has everybody wait who accepts.
create or replace function partitions_drop(days int, out dropped int8, out unended int8) language plpgsql as $$
declare
    today timestamptz := date_trunc('day', now() at time zone 'UTC') at time zone 'UTC';
    old   timestamptz := today - days * interval '24 h';
    gone  regclass;
    n     int8;
begin
    dropped := 0;
    unended := 0;
    for gone in select r.child from ledger_range r where r.until <= old and r.parent = 'delivery' loop
        -- both are read off partial indexes
        execute format('select (select count(*) from %1$s where state = 0)
                             + (select count(*) from %1$s where state = 4)', gone) into n;
        unended := unended + n;
    end loop;
    for gone in select r.child from ledger_range r where r.until <= old loop
        execute format('drop table %s', gone);
        dropped := dropped + 1;
    end loop;
end $$;

do $$
begin
    execute format('alter function partitions_drop(int) set search_path = %I, pg_temp', current_schema());
    alter function partitions_drop(int) set lock_timeout = '100ms';
    revoke execute on function partitions_drop(int) from public;
end $$;
