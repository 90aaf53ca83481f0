-- The app `default`, and its catalogue to begin with: the event types of Marzban, Remnawave, Authon
-- and the generic API. Each row is put in this once; then it is the user's to change or delete.
-- An example is what a product posts as `data`, a schema is of that, and their members stand in the
-- order of the wire. What a vendor leaves open, the schema leaves open.

-- A UUIDv7: the time, and a random UUID's digits behind the version.
insert into app (id, name)
values ((lpad(to_hex(ms_of(clock_timestamp())), 12, '0') || '7'
         || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid, 'default')
on conflict (name) do nothing;

with

-- Marzban: every notification has the same five members, then those of its action. `by` and `user`
-- are not required: the vendor's document shows notifications without them.
marzban_part (part, key, schema, example) as (values
    ('by', 'by', '@admin@', '{"username": "admin", "is_sudo": true, "telegram_id": null,
        "discord_webhook": null, "users_usage": 5368709120}'),
    ('by?', 'by', '{"anyOf": [@admin@, {"type": "null"}]}', 'null'),
    ('user', 'user', '{"type": "object", "properties": {
        "proxies": {"type": "object"}, "expire": {"type": ["integer", "null"]},
        "data_limit": {"type": ["integer", "null"]},
        "data_limit_reset_strategy": {"type": "string"}, "inbounds": {"type": "object"},
        "note": {"type": ["string", "null"]}, "sub_updated_at": {"type": ["string", "null"]},
        "sub_last_user_agent": {"type": ["string", "null"]},
        "online_at": {"type": ["string", "null"]},
        "on_hold_expire_duration": {"type": ["integer", "null"]},
        "on_hold_timeout": {"type": ["string", "null"]},
        "auto_delete_in_days": {"type": ["integer", "null"]},
        "next_plan": {"type": ["object", "null"]}, "username": {"type": "string"},
        "status": {"type": "string"}, "used_traffic": {"type": "integer"},
        "lifetime_used_traffic": {"type": "integer"}, "created_at": {"type": "string"},
        "links": {"type": "array", "items": {"type": "string"}},
        "subscription_url": {"type": "string"}, "excluded_inbounds": {"type": "object"},
        "admin": {"anyOf": [@admin@, {"type": "null"}]}}, "required": ["username"]}',
        '{"proxies": {"vless": {"id": "35e4e39c-7d5c-4f4b-8b71-558e4f37ff53", "flow": ""}},
        "expire": 1682899200, "data_limit": 10737418240, "data_limit_reset_strategy": "no_reset",
        "inbounds": {"vless": ["VLESS TCP"]}, "note": null, "sub_updated_at": null,
        "sub_last_user_agent": null, "online_at": "2023-04-03T07:20:57",
        "on_hold_expire_duration": null, "on_hold_timeout": null, "auto_delete_in_days": null,
        "next_plan": null, "username": "marzban_test_user", "status": "@status@",
        "used_traffic": @used@, "lifetime_used_traffic": 10737418240,
        "created_at": "2023-03-01T00:00:00",
        "links": ["vless://35e4e39c-7d5c-4f4b-8b71-558e4f37ff53@192.0.2.1:443"],
        "subscription_url": "https://panel.example.com/sub/bWFyemJhbl90ZXN0X3VzZXI",
        "excluded_inbounds": {"vless": []}, "admin": {"username": "admin", "is_sudo": true,
        "telegram_id": null, "discord_webhook": null, "users_usage": 5368709120}}'),
    ('reason?', 'reason', '{"type": ["string", "null"]}', 'null'),
    ('used_percent', 'used_percent', '{"type": "number"}', '80.0'),
    ('days_left', 'days_left', '{"type": "integer"}', '3')),

marzban_action (name, parts, status, used, description) as (values
    ('user_created', '{by,user}'::text[], 'active', '0', 'A user was created'),
    ('user_updated', '{by,user}', 'active', '5368709120', 'A user was changed'),
    ('user_deleted', '{by}', '', '', 'A user was deleted'),
    ('user_limited', '{user}', 'limited', '10737418240', 'A user used up the data limit'),
    ('user_expired', '{user}', 'expired', '5368709120', 'A user''s time ran out'),
    ('user_enabled', '{by?,user}', 'active', '5368709120', 'A user became active again'),
    ('user_disabled', '{by,user,reason?}', 'disabled', '5368709120', 'A user was disabled'),
    ('data_usage_reset', '{by,user}', 'active', '0', 'A user''s data usage was reset'),
    ('data_reset_by_next', '{user}', 'active', '0',
     'A user''s data usage was reset because the next plan began'),
    ('subscription_revoked', '{by,user}', 'active', '5368709120',
     'A user''s subscription link was revoked'),
    ('reached_usage_percent', '{user,used_percent}', 'active', '8589934592',
     'A user reached a threshold of the data limit'),
    ('reached_days_left', '{user,days_left}', 'active', '5368709120',
     'A user''s time falls below a threshold of days')),

marzban (name, description, example, schema) as (
    select a.name, a.description || ' (Marzban).',
           format('{"enqueued_at": 1680506457.636369, "send_at": 1680506457.636369, "tries": 0,
                   "username": "marzban_test_user", "action": "%s"%s}', a.name,
                  replace(replace(more.example, '@status@', a.status), '@used@', a.used)),
           format('{"type": "object", "properties": {"enqueued_at": {"type": "number"},
                   "send_at": {"type": "number"}, "tries": {"type": "integer"},
                   "username": {"type": "string"}, "action": {"const": "%s"}%s},
                   "required": ["enqueued_at", "tries", "username", "action"]}', a.name,
                  replace(more.schema, '@admin@', '{"type": "object", "properties": {
                      "username": {"type": "string"}, "is_sudo": {"type": "boolean"},
                      "telegram_id": {"type": ["integer", "null"]},
                      "discord_webhook": {"type": ["string", "null"]},
                      "users_usage": {"type": ["integer", "null"]}},
                      "required": ["username"]}'))
    from marzban_action a cross join lateral (
        select string_agg(format(', "%s": %s', p.key, p.schema), '' order by u.at) as schema,
               string_agg(format(', "%s": %s', p.key, p.example), '' order by u.at) as example
        from unnest(a.parts) with ordinality u (part, at) join marzban_part p using (part)) more),

-- Remnawave: 1.5 says amounts of bytes as strings and has `uuid`; 3.x says them as numbers, has a
-- number `id` instead and the use within `userTraffic`.
remnawave_user (schema) as (values (
    '{"type": "object", "properties": {"id": {"type": "integer"}, "uuid": {"type": "string"},
     "username": {"type": "string"}, "status": {"type": "string"},
     "trafficLimitBytes": {"type": ["string", "integer"]},
     "usedTrafficBytes": {"type": ["string", "integer"]},
     "description": {"type": ["string", "null"]}, "userTraffic": {"type": "object"}}}')),

remnawave_user_event (name, status, used, description) as (values
    ('user.modified', 'ACTIVE', '53687091200', 'A user was changed (Remnawave).'),
    ('user.revoked', 'ACTIVE', '53687091200', 'A user''s subscription was revoked (Remnawave).'),
    ('user.disabled', 'DISABLED', '53687091200', 'A user was disabled (Remnawave).'),
    ('user.enabled', 'ACTIVE', '53687091200', 'A user was enabled (Remnawave).'),
    ('user.limited', 'LIMITED', '107374182400', 'A user used up the traffic limit (Remnawave).'),
    ('user.expired', 'EXPIRED', '53687091200', 'A user''s time ran out (Remnawave).'),
    ('user.traffic_reset', 'ACTIVE', '0', 'A user''s traffic was reset (Remnawave).'),
    ('user.first_connected', 'ACTIVE', '0', 'A user connected for the first time (Remnawave).'),
    ('user.bandwidth_usage_threshold_reached', 'ACTIVE', '85899345920',
     'A user reached a threshold of the traffic limit (Remnawave).'),
    ('user.not_connected', 'ACTIVE', '0', 'A user has not connected for some time (Remnawave).'),
    ('user.expiration', 'ACTIVE', '53687091200',
     'A moment before or after a user''s expiry came (Remnawave 2.8 and later).'),
    ('user.expires_in_72_hours', 'ACTIVE', '53687091200',
     'A user expires in 72 hours (Remnawave before 2.8; then user.expiration).'),
    ('user.expires_in_48_hours', 'ACTIVE', '53687091200',
     'A user expires in 48 hours (Remnawave before 2.8; then user.expiration).'),
    ('user.expires_in_24_hours', 'ACTIVE', '53687091200',
     'A user expires in 24 hours (Remnawave before 2.8; then user.expiration).'),
    ('user.expired_24_hours_ago', 'EXPIRED', '53687091200',
     'A user expired 24 hours ago (Remnawave before 2.8; then user.expiration).')),

remnawave (name, description, example, schema) as (
    select e.name, e.description,
           format('{"uuid": "f2b1c2d3-0000-4000-8000-000000000001", "username": "bob",
                   "status": "%s", "usedTrafficBytes": "%s", "description": null}',
                  e.status, e.used), u.schema
    from remnawave_user_event e cross join remnawave_user u),

-- Events whose data may be anything, by system.
open_event (system, name, description) as (values
    ('Remnawave', 'user_hwid_devices.added', 'A device was added to a user'),
    ('Remnawave', 'user_hwid_devices.deleted', 'A device was taken from a user'),
    ('Remnawave', 'node.created', 'A node was created'),
    ('Remnawave', 'node.modified', 'A node was changed'),
    ('Remnawave', 'node.disabled', 'A node was disabled'),
    ('Remnawave', 'node.enabled', 'A node was enabled'),
    ('Remnawave', 'node.deleted', 'A node was deleted'),
    ('Remnawave', 'node.connection_lost', 'The panel lost the connection to a node'),
    ('Remnawave', 'node.connection_restored', 'The panel has the connection to a node again'),
    ('Remnawave', 'node.traffic_notify', 'A node reached its threshold of traffic'),
    ('Remnawave', 'service.panel_started', 'The panel started'),
    ('Remnawave', 'service.login_attempt_failed', 'Somebody failed to log in to the panel'),
    ('Remnawave', 'service.login_attempt_success', 'Somebody logged in to the panel'),
    ('Remnawave', 'service.subpage_config_changed',
     'The configuration of the subscription page changed'),
    ('Remnawave', 'service.api_token_created', 'An API token was created'),
    ('Remnawave', 'service.api_token_deleted', 'An API token was deleted'),
    ('Remnawave', 'errors.bandwidth_usage_threshold_reached_max_notifications',
     'More users reached a traffic threshold at once than the panel notifies of'),
    ('Remnawave', 'crm.infra_billing_node_payment_in_7_days',
     'The payment for a node is due in 7 days'),
    ('Remnawave', 'crm.infra_billing_node_payment_in_48hrs',
     'The payment for a node is due in 48 hours'),
    ('Remnawave', 'crm.infra_billing_node_payment_in_24hrs',
     'The payment for a node is due in 24 hours'),
    ('Remnawave', 'crm.infra_billing_node_payment_due_today',
     'The payment for a node is due today'),
    ('Remnawave', 'crm.infra_billing_node_payment_overdue_24hrs',
     'The payment for a node is overdue by 24 hours'),
    ('Remnawave', 'crm.infra_billing_node_payment_overdue_48hrs',
     'The payment for a node is overdue by 48 hours'),
    ('Remnawave', 'crm.infra_billing_node_payment_overdue_7_days',
     'The payment for a node is overdue by 7 days'),
    ('Remnawave', 'torrent_blocker.report', 'The torrent blocker reports a user'),
    ('Authon', 'license.expire', 'A license expired'),
    ('Authon', 'license.delete', 'A license was deleted'),
    ('Authon', 'file.download', 'A file was downloaded'),
    ('Authon', 'session.create', 'A session began'),
    ('generic API', 'user.updated', 'A user was changed'),
    ('generic API', 'project.created', 'A project was created'),
    ('generic API', 'project.updated', 'A project was changed'),
    ('generic API', 'project.deleted', 'A project was deleted'),
    ('generic API', 'team.member.added', 'Somebody was added to a team'),
    ('generic API', 'team.member.removed', 'Somebody was removed from a team'),
    ('generic API', 'team.member.role_changed', 'A team member''s role changed')),

undescribed (name, description, example, schema) as (
    select name, format('%s (%s; %s).', description, system,
                        case when name like 'node.%' then 'shape not described in this catalogue'
                             else 'shape not documented by the vendor' end),
           '{}', '{"type": "object"}'
    from open_event),

authon (name, description, example, schema) as (values
    ('user.login', 'A user logged in (Authon).',
     '{"userId": "usr_abc123", "username": "testuser", "ip": "192.168.1.100",
      "hwid": "HWID-A1B2C3D4", "appId": "app_xyz789"}',
     '{"type": "object", "properties": {"userId": {"type": "string"},
      "username": {"type": "string"}, "ip": {"type": "string"}, "hwid": {"type": "string"},
      "appId": {"type": "string"}},
      "required": ["userId", "username", "ip", "hwid", "appId"]}'),
    ('user.register', 'A user registered with a license key (Authon).',
     '{"userId": "usr_abc123", "username": "testuser", "licenseKey": "A1B2C-D3E4F-G5H6I-J7K8L",
      "ip": "192.168.1.100", "appId": "app_xyz789"}',
     '{"type": "object", "properties": {"userId": {"type": "string"},
      "username": {"type": "string"}, "licenseKey": {"type": "string"},
      "ip": {"type": "string"}, "appId": {"type": "string"}},
      "required": ["userId", "username", "licenseKey", "ip", "appId"]}'),
    ('license.activate', 'A license was activated (Authon).',
     '{"licenseId": "lic_abc123", "key": "A1B2C-D3E4F-G5H6I-J7K8L", "durationType": "30d",
      "level": 1, "activatedBy": "testuser", "appId": "app_xyz789"}',
     '{"type": "object", "properties": {"licenseId": {"type": "string"},
      "key": {"type": "string"},
      "durationType": {"enum": ["1h", "1d", "7d", "30d", "90d", "365d", "lifetime"]},
      "level": {"type": "integer"}, "activatedBy": {"type": "string"},
      "appId": {"type": "string"}},
      "required": ["licenseId", "key", "durationType", "level", "activatedBy", "appId"]}'),
    ('user.ban', 'A user was banned (Authon).',
     '{"userId": "usr_abc123", "username": "testuser", "reason": "Shared the account",
      "bannedBy": "admin", "appId": "app_xyz789"}',
     '{"type": "object", "properties": {"userId": {"type": "string"},
      "username": {"type": "string"}, "reason": {"type": "string"},
      "bannedBy": {"type": "string"}, "appId": {"type": "string"}},
      "required": ["userId", "username", "reason", "bannedBy", "appId"]}'),
    ('test', 'Somebody asked for a test of a webhook (Authon).',
     '{"message": "This is a test ping from Authon", "appId": "app_xyz789",
      "webhookId": "wh_abc123"}',
     '{"type": "object", "properties": {"message": {"type": "string"},
      "appId": {"type": "string"}, "webhookId": {"type": "string"}},
      "required": ["message", "appId", "webhookId"]}')),

-- Names that Remnawave and the generic API share: whatever fits one of them fits.
shared (name, description, example, schema) as (
    select s.name, s.description, s.example, format('{"anyOf": [%s, %s]}', u.schema, s.generic)
    from remnawave_user u cross join (values
        ('user.created', 'A user was created (Remnawave and the generic API).',
         '{"id": "usr_789", "name": "John Doe", "email": "john@example.com",
          "created_at": "2023-12-01T15:30:00Z"}',
         '{"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"},
          "email": {"type": "string"}, "created_at": {"type": "string"}},
          "required": ["id", "name", "email", "created_at"]}'),
        ('user.deleted', 'A user was deleted (Remnawave and the generic API; the latter''s shape'
         ' not documented by the vendor).',
         '{"uuid": "f2b1c2d3-0000-4000-8000-000000000001", "username": "bob",
          "status": "ACTIVE", "usedTrafficBytes": "53687091200", "description": null}',
         '{"type": "object"}')) s (name, description, example, generic)),

preloaded as (
    table marzban union all table remnawave union all table undescribed union all table authon
    union all table shared)

insert into event_type (app_id, name, description, example, schema)
select app.id, p.name, p.description, regexp_replace(p.example, '\s*\n\s*', ' ', 'g'),
       regexp_replace(p.schema, '\s*\n\s*', ' ', 'g')
from preloaded p join app on app.name = 'default'
on conflict (app_id, name) do nothing;
