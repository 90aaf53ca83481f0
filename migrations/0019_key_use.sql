-- When a key was last used, to the minute, and the networks that it may be used from; none: any.
alter table api_key add column last_used_at timestamptz, add column networks text[] not null default '{}';
