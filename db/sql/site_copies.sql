-- No parameters. Copies under other names, and of which commit.
SELECT of_model, of_commit, model FROM site_copies ORDER BY of_model COLLATE "C", model COLLATE "C", of_commit
