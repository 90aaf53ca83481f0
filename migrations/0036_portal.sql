-- Portal tokens are keys that have a brand: JSON of how their page looks. `frames` are the origins that may embed it,
-- `images` is where its logo is.
alter table api_key add column portal text, add column frames text[] not null default '{}', add column images text;
create index api_key_portal on api_key (app_id, expires_at) where portal is not null;
create index api_key_portal_end on api_key (expires_at) where portal is not null;
