-- How often in a row a worker ended while it had a delivery in hand, and nothing was recorded or given back: what its
-- successor takes over is counted, and nothing else writes it but what ends the row of them. Null: never.
alter table delivery add column crashes int2;
