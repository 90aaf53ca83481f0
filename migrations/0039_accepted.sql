-- Events that were accepted in the hour, in the rows of apps.
alter table tally add column accepted int8 not null default 0;
