-- What is large is compressed with LZ4: a MiB of numbers takes 3 ms of a statement that others wait behind, and with
-- PostgreSQL's own method, which makes it no smaller, 50. What is there already stays as it is. Of a server without LZ4
-- (https://www.postgresql.org/docs/15/sql-altertable.html, SET COMPRESSION) nothing changes.
do $$
declare
    large record;
begin
    for large in
        select a.attrelid::regclass of, a.attname as name
          from pg_attribute a
         where (a.attrelid = any (array['event', 'delivery', 'attempt']::regclass[])
                or a.attrelid in (select inhrelid from pg_inherits
                                   where inhparent = any (array['event', 'delivery', 'attempt']::regclass[])))
           and a.attname = any (array['data', 'response_body', 'sent_response_body']) and not a.attisdropped
    loop
        execute format('alter table %s alter column %I set compression lz4', large.of, large.name);
    end loop;
exception when feature_not_supported then
    raise notice 'this server has no LZ4: large values stay with pglz';
end $$;
