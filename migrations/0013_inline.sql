-- Times as numbers, in the form that the planner puts in place of the call: what these are made of is stable, and a
-- function that promises more than its body is called, each time through a query of its own. A claim of 8 took 0.94 ms
-- with the calls, 0.70 ms without; accepting 8 events 1.43 and 1.33 ms (medians of one run). Milliseconds need
-- no decimal arithmetic; microseconds do, from the year 2041 on.
create or replace function ms_of(t timestamptz) returns int8 language sql stable parallel safe as
$$ select (date_part('epoch', t) * 1000)::int8 $$;

create or replace function us_of(t timestamptz) returns int8 language sql stable parallel safe as
$$ select (extract(epoch from t) * 1000000)::int8 $$;

create or replace function time_of(ms int8) returns timestamptz language sql stable parallel safe as
$$ select timestamptz 'epoch' + ms * interval '1 ms' $$;
