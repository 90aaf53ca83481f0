-- What a delivery writes, shorter (migrations/README.md). Heads are stored in shorthand (src/core/shorthand.c) from here
-- on, beside those that are not; and what is usual of an attempt is null: no error, no time spent, nothing cut.
alter table attempt
    alter column dns_us drop not null, alter column connect_us drop not null, alter column tls_us drop not null,
    alter column first_byte_us drop not null, alter column total_us drop not null, alter column error drop not null,
    alter column body_cut drop not null, alter column address drop not null, alter column error_text drop not null;

-- The bytes of a head as it was.
create function head_bytes(stored bytea) returns int4 language sql immutable parallel safe as
$$ select case when octet_length(stored) > 2 and substr(stored, 1, 1) = '\x01'
               then get_byte(stored, 1) * 256 + get_byte(stored, 2)
               else octet_length(stored) end $$;

-- Whether this was recorded by now, not when the statement began. A function, so that who does not ask pays nothing.
create function attempt_recorded(of_delivery uuid, of_token int8) returns bool language plpgsql as $$
begin
    return exists (select from attempt where delivery_id = of_delivery and token = of_token);
end $$;
