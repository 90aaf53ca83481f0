-- The gate of an endpoint (include/core/gate.h) as the queue last told it: for people to see, for a Redis
-- that was emptied to learn it from, and for sending without Redis.
alter table webhook
    add column gate_until    timestamptz,           -- nothing is sent before
    add column gate_limit    int8 not null default 0, -- requests under way, in thousandths; 0: its concurrency
    add column gate_failures int4 not null default 0, -- since the last success
    add column gate_openings int4 not null default 0, -- of the breaker, until something is answered
    add column gate_error    int2 not null default 0, -- of the last failure
    add column failing_since timestamptz;           -- the first failure since the last success

create index webhook_gated on webhook (id)
    where gate_failures > 0 or gate_limit > 0 or gate_until is not null;
