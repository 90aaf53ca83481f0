-- What an attempt called: a webhook's URL may change, and a profile may call another than it says. Null where nothing
-- was called, and in attempts that are older than this column.
alter table attempt add column url text;
