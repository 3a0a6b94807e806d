-- No parameters. One row a revision.
SELECT model, kind, revision, newest, licence, architecture, dtype, params, size_bytes, card, created_at, n_runs
FROM site_models b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY model COLLATE "C", revision_id
