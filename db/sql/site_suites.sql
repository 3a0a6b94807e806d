-- No parameters. Suites, the newest of each name.
SELECT suite_id, suite, version, sha256, definition, created_at, n_tasks, n_models, updated_at FROM site_suites ORDER BY suite
