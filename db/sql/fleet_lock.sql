-- No parameters. 1 where this session now holds what only one at a time may: to size the fleet.
SELECT pg_try_advisory_lock(7310452017)::integer AS n
