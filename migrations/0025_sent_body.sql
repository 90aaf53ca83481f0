-- What an operator sees of deliveries.

-- The head of a request has before it, from here on, seven bytes that say in which form its body was written, and what that
-- was (include/core/body.h), behind a byte of their own. They are no bytes of the head.
create or replace function head_bytes(stored bytea) returns int4 language sql immutable parallel safe as
$$ select case when octet_length(h) > 2 and substr(h, 1, 1) = '\x01'
               then get_byte(h, 1) * 256 + get_byte(h, 2)
               else octet_length(h) end
     from (select case when substr(stored, 1, 1) = '\x02' then substr(stored, 9) else stored end as h) x $$;
