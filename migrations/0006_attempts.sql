-- Attempts that kept their step of the schedule, because the receiver asked for time, since the last that did not: they
-- have an end (include/core/delivery.h).
alter table delivery
    add column waits         int2 not null default 0,
    add column waiting_since timestamptz; -- when the first of them ended
