-- Which events a webhook wants by their data. `filter` is as the client wrote it, `filter_plan` what include/core/conditions.h
-- made of it, [operator, where it stands in the filter, …], and `conditions` how many there are; all three or none.
alter table webhook
    add filter text,
    add filter_plan jsonb,
    add conditions int2,
    add check ((filter is null) = (filter_plan is null) and (filter is null) = (conditions is null));

-- What data may be compared as: null, if jsonb cannot hold it (\u0000, half of a surrogate pair, a number of more digits
-- than a numeric has), or if it was erased.
create function event_json(data bytea) returns jsonb language plpgsql immutable cost 10000 as $$
begin
    return convert_from(data, 'UTF8')::jsonb;
exception when data_exception or program_limit_exceeded then
    return null;
end $$;

-- Of a condition of a plan: does it hold? A value that is not there equals nothing, and is neither less nor more.
create function condition_holds(condition jsonb, data jsonb) returns bool language plpgsql immutable as $$
declare
    found jsonb := data #> (condition ->> 2)::text[];
    value jsonb := condition -> 3;
begin
    case condition ->> 0
    when 'eq' then return found = value;
    when 'ne' then return found is distinct from value;
    when 'exists' then return (found is not null) = value::bool;
    when 'prefix' then
        return jsonb_typeof(found) = 'string' and starts_with(found #>> '{}', value #>> '{}');
    when 'in' then
        for i in 0 .. jsonb_array_length(value) - 1 loop
            if found = value -> i then
                return true;
            end if;
        end loop;
        return false;
    else
        if jsonb_typeof(found) is distinct from jsonb_typeof(value) then
            return false;
        elsif jsonb_typeof(value) = 'number' then
            return case condition ->> 0 when 'gt' then found > value when 'gte' then found >= value
                                        when 'lt' then found < value else found <= value end;
        end if;
        return case condition ->> 0
            when 'gt' then (found #>> '{}') collate "C" > (value #>> '{}')
            when 'gte' then (found #>> '{}') collate "C" >= (value #>> '{}')
            when 'lt' then (found #>> '{}') collate "C" < (value #>> '{}')
            else (found #>> '{}') collate "C" <= (value #>> '{}') end;
    end case;
end $$;

-- Null, if the plan wants the data, and then also if there is no plan, or data that can be compared; else where in the
-- filter stands what does not hold.
create function filter_refusal(plan jsonb, data jsonb) returns text language plpgsql immutable cost 100000 as $$
declare
    parts int := jsonb_array_length(plan);
    refusal text;
begin
    if plan is null or data is null then
        return null;
    end if;
    case plan ->> 0
    when 'all' then
        for i in 2 .. parts - 1 loop
            refusal := filter_refusal(plan -> i, data);
            if refusal is not null then
                return refusal;
            end if;
        end loop;
        return null;
    when 'any' then
        for i in 2 .. parts - 1 loop
            if filter_refusal(plan -> i, data) is null then
                return null;
            end if;
        end loop;
        return plan ->> 1;
    when 'not' then
        return case when filter_refusal(plan -> 2, data) is null then plan ->> 1 end;
    else
        return case when condition_holds(plan, data) is not true then plan ->> 1 end;
    end case;
end $$;
