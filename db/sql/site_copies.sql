-- No parameters. Copies under other names.
SELECT of_model, model FROM site_copies ORDER BY of_model COLLATE "C", model COLLATE "C"
