-- No parameters. Shortens the wait for new jobs; nothing depends on it.
LISTEN assay_jobs
