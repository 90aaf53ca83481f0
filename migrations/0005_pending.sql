-- What waits for a webhook, in the order in which it is due; what is held for one, oldest first: pausing,
-- resuming and deleting look at no more than they move.
create index delivery_pending on delivery (webhook_id, next_at) where state = 0;
drop index delivery_held;
create index delivery_held on delivery (webhook_id, id) where state = 4;
