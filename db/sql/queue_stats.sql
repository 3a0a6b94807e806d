-- No parameters. One row.
SELECT * FROM queue_stats
