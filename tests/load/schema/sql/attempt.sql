create table attempt (
  delivery_id uuid not null, token int8 not null, started_at timestamptz not null,
  dns_ms int4, connect_ms int4, tls_ms int4, ttfb_ms int4, total_ms int4 not null,
  n int2 not null, code int2, error int2 not null, address inet,
  req_head bytea, resp_head bytea, resp_body bytea,
  primary key (delivery_id, token)
) partition by range (delivery_id);
select make_days('attempt', -30, 4);
