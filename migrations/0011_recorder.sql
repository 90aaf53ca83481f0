-- Dropping a partition takes a lock on its parent, and whoever comes waits behind it: while somebody else reads for
-- long, it gives up at once and is tried again.
alter function partitions_drop(int) set lock_timeout = '100ms';
