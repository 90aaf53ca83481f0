-- What workers have claimed: a row for each claim, written by the claim itself and removed when all of its
-- deliveries have ended. It is how a worker finds what it owns, or its dead predecessor owned, without looking
-- through what is pending; the fence is still the token of the delivery. Leases of before this run out.
create table lease (
    owner int8 not null,
    token int8 not null,
    ids   uuid[] not null, -- deliveries
    at    timestamptz not null default now(),
    primary key (owner, token)
) with (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

-- Ids do not compress, and a full claim's are to stay in their row.
alter table lease alter column ids set storage external;
