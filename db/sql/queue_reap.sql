-- No parameters. How many leases had run out.
SELECT reap() AS n
