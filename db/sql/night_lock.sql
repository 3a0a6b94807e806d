-- No parameters. 1 where this session holds what one night at a time may hold.
SELECT pg_try_advisory_lock(7310452018)::integer AS n
