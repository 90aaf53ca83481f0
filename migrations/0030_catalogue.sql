-- What an app asks for of its events before they are accepted: 1, that their types are in its catalogue; 2, that their data
-- fits its type's schema.
alter table app add column checks int2 not null default 0;

-- The catalogue that 0002 put into the app `default` is loaded by `posthorn catalogue load` now. A ledger in which nothing
-- was made yet begins without it; any other keeps what it has. What 0002 made has the time of its transaction.
delete from event_type t using app a, schema_migration m
where a.id = t.app_id and a.uid = 'default'
  and m.number = 2 and t.created_at = m.applied_at and t.updated_at = m.applied_at
  and not exists (select from webhook) and not exists (select from event) and not exists (select from api_key)
  and not exists (select from audit);

-- A secret may begin to sign later than it was made: until then what is in previous_secret does.
alter table webhook add column secret_from timestamptz;
