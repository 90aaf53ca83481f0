-- Uids: what clients call apps and webhooks by, besides their ids (include/core/uid.h). That of an app was its name so far,
-- which may be any text from here on. One that has the form of an id has never been found by it.
alter table app add column uid text unique;
update app set uid = name where name !~ '_[0-9a-hjkmnp-tv-z]{26}$';
alter table app drop constraint app_name_key;

-- One of an app's own, for as long as the webhook is there.
alter table webhook add column uid text;
create unique index webhook_uid on webhook (app_id, uid) where uid is not null and deleted_at is null;
