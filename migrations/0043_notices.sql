-- Apps are told of their endpoints in turns.
create index notice_app on notice (app_id, at);
drop index notice_at;
