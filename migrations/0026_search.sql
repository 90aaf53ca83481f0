-- What deliveries are looked for by.

-- The host of a URL, in small letters, an address without brackets; null: it has none.
create function url_host(url text) returns text language sql immutable strict parallel safe as
$$ select lower(trim(both '[]' from substring(url from '^[^:/?#]*://(?:[^/?#]*@)?(\[[^]/?#]*\]|[^]:/?#@]*)'))) $$;

-- What a job is about besides: one event's deliveries, or those of webhooks with this host.
alter table job add column chosen_event uuid, add column chosen_host text;
