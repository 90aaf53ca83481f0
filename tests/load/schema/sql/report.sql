create temp table r (s text, round int, phase text, tps numeric, acc_ms numeric, acc_wal numeric, cl_ms numeric, cl_wal numeric, fi_ms numeric, fi_wal numeric, wal numeric);
\copy r from results.csv csv
select s as candidate, count(*) filter (where phase='flow') n,
  round(percentile_cont(.5) within group (order by tps) filter (where phase='flow')::numeric*100,-2) as "cycle/s",
  round(percentile_cont(.5) within group (order by tps) filter (where phase='accept')::numeric*100,-2) as "accept/s",
  round(percentile_cont(.5) within group (order by tps) filter (where phase='drain')::numeric*100,-2) as "claim+finish/s",
  percentile_cont(.5) within group (order by acc_ms) filter (where phase='flow') as "accept ms",
  percentile_cont(.5) within group (order by cl_ms) filter (where phase='flow') as "claim ms",
  percentile_cont(.5) within group (order by fi_ms) filter (where phase='flow') as "finish ms",
  percentile_cont(.5) within group (order by cl_ms) filter (where phase='drain') as "claim ms, backlog",
  percentile_cont(.5) within group (order by fi_ms) filter (where phase='drain') as "finish ms, backlog",
  percentile_cont(.5) within group (order by wal) filter (where phase='flow') as "WAL/delivery"
from r group by s order by s;
-- sizes and HOT, whole life of each schema (events included only in their own column)
select n.nspname as candidate,
  sum(pg_total_relation_size(c.oid)) filter (where c.relname like 'event_%') / (select max(c2.reltuples) from pg_class c2 where c2.relnamespace=n.oid and c2.relname like 'event_2%')::int8 as "event B",
  sum(pg_relation_size(c.oid)) filter (where c.relname ~ '^(delivery|job|attempt)') / (select max(c2.reltuples) from pg_class c2 where c2.relnamespace=n.oid and c2.relname like 'event_2%')::int8 as "heap B",
  sum(pg_indexes_size(c.oid)) filter (where c.relname ~ '^(delivery|job|attempt)') / (select max(c2.reltuples) from pg_class c2 where c2.relnamespace=n.oid and c2.relname like 'event_2%')::int8 as "index B",
  (select round(100.0*sum(n_tup_hot_upd)/nullif(sum(n_tup_upd),0),1) from pg_stat_user_tables t where t.schemaname=n.nspname and t.relname ~ '^(delivery|job)') as "HOT % of updates",
  (select sum(n_tup_upd) from pg_stat_user_tables t where t.schemaname=n.nspname and t.relname ~ '^(delivery|job)') as updates
from pg_namespace n join pg_class c on c.relnamespace=n.oid and c.relkind='r'
where n.nspname ~ '^[abc][0-9n]' group by n.oid, n.nspname order by 1;
