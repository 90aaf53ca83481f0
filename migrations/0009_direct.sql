-- What sending without Redis keeps in the ledger: what the rules of a gate need beside what people see
-- (include/core/gate.h), and when an endpoint with a rate may be sent the next one (GCRA's theoretical
-- arrival time). gate_at is when the gate was learnt: the later one counts, Redis's or the ledger's.
alter table webhook
    add column gate_streak int4 not null default 0, -- in a row that found the receiver dead
    add column gate_cut    timestamptz,             -- the limit is not cut again before
    add column gate_at     timestamptz,
    add column rate_at     timestamptz;

-- A test goes out whatever waits before it. Plain deliveries are not in it.
create index delivery_test on delivery (next_at) where state = 0 and test;
