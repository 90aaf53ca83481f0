-- Lets a role call posthorn.publish() and posthorn.refusals() for one app (its uid or its id), or for all ('*'). By the owner
-- of Posthorn's schema, after `posthorn migrate`:
--
--   create role shop login;
--   psql -v ON_ERROR_STOP=1 -v role=shop -v app=shop -d DATABASE_URL_OF_THE_OWNER -f deploy/publisher.sql
--
-- Again for another app of the same role; `delete from publisher where role = 'shop'` takes it back. The role is that of
-- the login: what it says with `set role` gives it nothing more. Members of a role may do what it may.
--
-- The owner may lack the right to make the schema `posthorn`. Then somebody who has it does that first:
--
--   create schema posthorn authorization OWNER
select nspname as schema from pg_class c join pg_namespace n on n.oid = relnamespace
 where c.oid = 'schema_migration'::regclass \gset
begin;
set local client_min_messages = warning;
select publisher_expose();
grant usage on schema :"schema", posthorn to :"role";
grant execute on function event_publish(text, text, text, text, text, text, timestamptz, timestamptz), event_refusals(text)
    to :"role";
select publisher_allow(:'role', :'app');
commit;
