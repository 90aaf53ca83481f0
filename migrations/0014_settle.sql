-- Settling is a job (kind 5): the deliveries of a webhook follow its status. It begins with the change, in the same
-- commit and whoever makes it, hence a trigger; it looks at the status as it is when it makes a step, and notes none.
-- A webhook has one such job at most, the last: one that has ended goes when the next begins, and a change while one
-- is under way makes that one go on at once. The job ends under the lock of its webhook's row, which whoever changes
-- the status has: no change comes between a job's last look and its end.
create unique index job_settle on job (webhook_id) where kind = 5;

-- A new id of now; a UUIDv7.
create function new_id() returns uuid language sql volatile as
$$ select encode(substr(uuid_send(id_floor(clock_timestamp())), 1, 6) || '\x70'::bytea
                 || substr(uuid_send(gen_random_uuid()), 8), 'hex')::uuid $$;

-- That it never had a step lets it go before what other apps' jobs have yet to do.
create function webhook_settle() returns trigger language plpgsql as $$
begin
    delete from job where kind = 5 and webhook_id = new.id and ended_at is not null;
    insert into job (id, app_id, kind, webhook_id, exact, stepped_at)
    values (new_id(), new.app_id, 5, new.id, false, '-infinity')
    on conflict (webhook_id) where kind = 5 do update set step_at = now(), stepped_at = '-infinity', failures = 0;
    return null;
end $$;

create trigger webhook_settle after update of status, deleted_at on webhook for each row
when (old.status <> new.status or old.deleted_at is distinct from new.deleted_at) execute function webhook_settle();

insert into job (id, app_id, kind, webhook_id, exact, stepped_at)
select new_id(), app_id, 5, id, false, '-infinity' from webhook where unsettled;

drop index webhook_unsettled;
alter table webhook drop column unsettled;
