-- No parameters. One migrator at a time; held to the end of the transaction.
SELECT pg_advisory_xact_lock(7310452016)
