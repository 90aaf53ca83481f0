-- As in 0038_choose.sql, for a third of the time: the numbers are put together hour by hour, which come in the order of the key, and
-- not sorted one by one.
create or replace function webhook_times(app uuid, webhook uuid) returns int8[] language plpgsql stable parallel safe as $$
declare
    found int8[] := '{}';
    t     tally;
begin
    for t in select * from tally where app_id = app and webhook_id = webhook and hour > now() - interval '24 h' order by hour desc loop
        found := found || array[ms_of(t.hour), t.attempts, t.succeeded, t.exhausted, t.retried, cardinality(t.times)] || t.times;
    end loop;
    return found;
end $$;
