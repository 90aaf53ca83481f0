-- How a webhook's requests prove themselves to its receiver: sealed JSON, or nothing.
alter table webhook add column auth bytea not null default '';
