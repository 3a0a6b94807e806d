-- No parameters. One row: how many runs are shown, and when they changed last.
SELECT count(*) AS n_runs, max(finished_at) AS finished_at, max(superseded_at) AS superseded_at
FROM site_runs b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
