-- What an app may be told of its endpoints, before it has become an event (src/store/notices.c): 0 one is failing, 1 it was
-- disabled by the service, 2 it has recovered, 3 a delivery has failed for good. One of a kind and webhook at a time.
create table notice (
    id            uuid primary key default new_id(),
    app_id        uuid not null,
    webhook_id    uuid not null,
    kind          int2 not null,
    at            timestamptz not null default now(),
    failures      int4,
    failing_since timestamptz,
    error         int2,
    code          int2,
    reason        int2,
    delivery_id   uuid, -- the first of `count`
    attempts      int2,
    count         int4 not null default 1,
    unique (webhook_id, kind)
);
create index notice_at on notice (at);

-- What asks for notices of a type: not `*`, which is for what the app itself posts.
create function notice_patterns(type text) returns text[] language sql immutable strict parallel safe as
$$ select array[type, regexp_replace(type, '[^.]*$', '*'), 'posthorn.*'] $$;

-- Whether another webhook of the app asks for them.
create function notice_wanted(app uuid, webhook uuid, type text) returns bool language sql stable as
$$ select exists (select from subscription s join webhook w on w.id = s.webhook_id
                   where s.app_id = app and s.pattern = any (notice_patterns(type)) and s.webhook_id <> webhook
                     and w.deleted_at is null) $$;

-- 10 is GATE_FAILURES (include/core/gate.h). Who recovers before it was told that he fails, or fails again before it was told that he has recovered, is not spoken of.
create function webhook_notice() returns trigger language plpgsql as $$
declare
    of_kind int2;
    gone    int8;
begin
    if new.deleted_at is not null then
        delete from notice where webhook_id = new.id;
        return null;
    end if;
    if old.status <> new.status then
        if new.status <> 2 or new.disabled_reason = 1 then
            return null;
        end if;
        of_kind := 1;
    elsif old.updated_at <> new.updated_at then
        return null; -- somebody has changed it, and its health begins anew
    else
        of_kind := case when new.gate_failures < 10 then 2 else 0 end;
        delete from notice n where n.webhook_id = new.id and n.kind = 2 - of_kind;
        get diagnostics gone = row_count;
        if gone > 0 then
            return null;
        end if;
    end if;
    if notice_wanted(new.app_id, new.id, (array['posthorn.endpoint.failing', 'posthorn.endpoint.disabled',
                                                 'posthorn.endpoint.recovered'])[of_kind + 1]) then
        insert into notice (app_id, webhook_id, kind, failures, failing_since, error, reason)
        values (new.app_id, new.id, of_kind, new.gate_failures, coalesce(new.failing_since, old.failing_since),
                new.gate_error, new.disabled_reason)
        on conflict do nothing;
    end if;
    return null;
end $$;

create trigger webhook_notice after update of status, gate_failures, deleted_at on webhook for each row
when (old.status <> new.status or old.gate_failures < 10 and new.gate_failures >= 10
      or old.gate_failures >= 10 and new.gate_failures < 10 or old.deleted_at is distinct from new.deleted_at)
execute function webhook_notice();

-- Of deliveries that have just failed for good, what their last attempts say. Of what tells of such nothing is told. Who
-- cannot have a webhook's turn at once leaves it: whoever has it says the same.
create function deliveries_exhausted(ids uuid[], numbers int8[], codes int8[], errors int8[]) returns int8
language plpgsql as $$
declare
    one record;
    done int8 := 0;
begin
    for one in
        select d.app_id, d.webhook_id, count(*) as count, (array_agg(x.n order by x.id))[1] as n
          from unnest(ids) with ordinality x (id, n)
          join delivery d on d.id = x.id and d.id between ids[1] and ids[cardinality(ids)]
         group by d.app_id, d.webhook_id order by d.webhook_id
    loop
        continue when not notice_wanted(one.app_id, one.webhook_id, 'posthorn.delivery.exhausted')
            or exists (select from delivery d join event e on e.app_id = d.app_id and e.id = d.event_id
                        where d.id = ids[one.n] and starts_with(e.type, 'posthorn.'))
            or not pg_try_advisory_xact_lock(hashtextextended(one.webhook_id::text, 30));
        insert into notice as t (app_id, webhook_id, kind, error, code, delivery_id, attempts, count)
        values (one.app_id, one.webhook_id, 3, errors[one.n], nullif(codes[one.n], 0), ids[one.n],
                least(numbers[one.n], 32767), one.count)
        on conflict (webhook_id, kind) do update set count = t.count + excluded.count;
        done := done + one.count;
    end loop;
    return done;
end $$;
