-- What a role needs to run `posthorn serve` and own nothing. By the owner of the schema, after `posthorn migrate`:
--
--   create role posthorn_run login;
--   psql -v ON_ERROR_STOP=1 -v role=posthorn_run -d DATABASE_URL_OF_THE_OWNER -f deploy/roles.sql
--
-- Once: tables and functions of later migrations are granted as they are made. `posthorn migrate` stays the
-- owner's.
select nspname as schema from pg_class c join pg_namespace n on n.oid = relnamespace
 where c.oid = 'schema_migration'::regclass \gset
begin;
grant usage on schema :"schema" to :"role";
grant select, insert, update, delete on all tables in schema :"schema" to :"role";
revoke insert, update, delete on schema_migration from :"role";
grant execute on all functions in schema :"schema" to :"role";
-- The audit log is written and read; what takes rows away is audit_forget(), which does that alone.
revoke update, delete on audit from :"role";
revoke insert, update, delete on audit_full from :"role";
-- Who may publish in SQL is the owner's to say (publisher.sql).
revoke insert, update, delete on publisher from :"role";
revoke execute on function partitions_make(int, int, int), partitions_drop(int) from :"role";
alter default privileges in schema :"schema" grant select, insert, update, delete on tables to :"role";
alter default privileges in schema :"schema" grant execute on functions to :"role";
commit;
