-- No parameters. Models that were withdrawn from the pages, with the reason.
SELECT model, reason, withdrawn_at FROM site_tombstones ORDER BY model COLLATE "C"
