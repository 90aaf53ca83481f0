-- Where requests come from that become events of an app (src/store/sources.c). The id is in the token, which stands in the
-- source's URL and is kept as its SHA-256 alone; the one before it is good until `previous_until`.
create table source (
    id             uuid primary key,
    app_id         uuid not null references app (id) on delete cascade,
    name           text not null,
    kind           text not null,
    options        text not null,  -- JSON, as it was given
    type_prefix    text,           -- null: the kind's
    secret         bytea not null, -- sealed; empty: requests need no proof
    hash           bytea not null,
    previous_hash  bytea,
    previous_until timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now()
);
create index source_app on source (app_id, id desc);
