-- No parameters. The runs that each night measures again.
SELECT run_id, actor, reason, at FROM canaries ORDER BY run_id
