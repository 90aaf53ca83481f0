-- Partitions of several days instead of one: an update begins its plan for every partition that there is, so a month of days
-- made claims and finishes dear that touch one (migrations/README.md). A partition has an eighth of the days that history is
-- kept, rounded up, at most 31, and goes when all of it is older than that. Those of single days stay until they are dropped.

-- Which partitions there are, and from when until when ids lie in them: the catalogue knows, whoever made them.
create view ledger_range as
    select p.relname as parent, c.oid::regclass as child,
           time_of(('x' || replace(b[1], '-', ''))::bit(48)::int8) as since,
           time_of(('x' || replace(b[2], '-', ''))::bit(48)::int8) as until
      from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
           cross join regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.{13}).*''\) TO \(''(.{13}).*''\)') b
     where i.inhparent in ('event'::regclass, 'delivery'::regclass, 'attempt'::regclass) and b is not null;

drop function partitions_make(int, int);

-- Makes partitions of `width` days until all days from `first` to `last`, counted from today, lie in one. Each is made beside
-- its parent and attached, which needs no lock that stops readers and writers of the parent. Who does the same meanwhile
-- meets the name. Deliveries have room for both of their updates to stay on their page.
create function partitions_make(first int, last int, width int default 1) returns void language plpgsql as $$
declare
    today  timestamptz := date_trunc('day', now() at time zone 'UTC') at time zone 'UTC';
    day    interval := interval '24 h';
    ledger text;
    begins timestamptz;
    ends   timestamptz;
    child  text;
begin
    foreach ledger in array array['event', 'delivery', 'attempt'] loop
        begins := today + first * day;
        while begins <= today + last * day loop
            select r.until into ends from ledger_range r
             where r.parent = ledger and r.since <= begins and begins < r.until;
            if not found then
                select least(begins + width * day, min(r.since)) into ends from ledger_range r
                 where r.parent = ledger and r.since > begins;
                child := ledger || '_' || to_char(begins at time zone 'UTC', 'YYYYMMDD');
                execute format('create table %I (like %I including all)', child, ledger);
                if ledger = 'delivery' then
                    execute format('alter table %I set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.02)', child);
                end if;
                execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                               ledger, child, id_floor(begins), id_floor(ends));
            end if;
            begins := ends;
        end loop;
    end loop;
end $$;

-- Drops the partitions that ended more than `days` days before today; answers how many, and how many deliveries went that
-- had not ended.
create or replace function partitions_drop(days int, out dropped int8, out unended int8) language plpgsql as $$
declare
    today timestamptz := date_trunc('day', now() at time zone 'UTC') at time zone 'UTC';
    gone  record;
    n     int8;
begin
    dropped := 0;
    unended := 0;
    for gone in select r.parent, r.child from ledger_range r where r.until <= today - days * interval '24 h' loop
        if gone.parent = 'delivery' then
            -- both are read off partial indexes
            execute format('select (select count(*) from %1$s where state = 0)
                                 + (select count(*) from %1$s where state = 4)', gone.child) into n;
            unended := unended + n;
        end if;
        execute format('drop table %s', gone.child);
        dropped := dropped + 1;
    end loop;
end $$;

-- Two partitions ahead, and those of the past that are kept, as many from the first day as there will be: with one or three
-- the planner thinks of few rows and looks for each of a statement's deliveries alone, which made finishes of 200 a third dearer.
create function days_make(kept int) returns void language plpgsql security definer as $$
declare
    width int := least((kept + 7) / 8, 31);
begin
    if kept is null or kept not between 1 and 3650 then
        raise exception 'days_make: % days', kept using errcode = 'invalid_parameter_value';
    end if;
    perform partitions_make(-least(kept, 8 * width), 2 * width, width);
end $$;

-- As programs from before this call it, until they are restarted.
create or replace function days_make() returns void language sql security definer as $$ select days_make(30) $$;

do $$
declare
    f text;
begin
    foreach f in array array['days_make(int)', 'days_make()', 'partitions_make(int, int, int)', 'partitions_drop(int)'] loop
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
        if f = 'partitions_drop(int)' then
            execute format('alter function %s set lock_timeout = ''100ms''', f);
        end if;
        execute format('revoke execute on function %s from public', f);
    end loop;
end $$;

-- Days that were made ahead and have nothing give way; `migrate` makes what takes their place.
do $$
declare
    range record;
    empty bool;
begin
    lock table event, delivery, attempt in access exclusive mode;
    for range in
        select array_agg(child) as children, string_agg(format('not exists (select from %s)', child), ' and ') as is_empty
          from ledger_range where until > now() - interval '24 h' group by since
    loop
        execute 'select ' || range.is_empty into empty;
        if empty then
            execute 'drop table ' || array_to_string(range.children, ', ');
        end if;
    end loop;
end $$;
