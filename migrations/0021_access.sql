-- How a webhook's requests prove themselves to its receiver, and what its connections are made with: sealed JSON, or
-- nothing.
alter table webhook add column auth bytea not null default '', add column tls bytea not null default '';
