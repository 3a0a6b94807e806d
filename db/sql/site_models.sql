-- No parameters. One row a revision.
SELECT model, kind, revision, newest, licence, architecture, dtype, params, size_bytes, card, created_at, n_runs
FROM site_models ORDER BY model COLLATE "C", revision_id
