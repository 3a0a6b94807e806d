-- No parameters. Every job that is not over, and the last hundred that are.
(SELECT * FROM site_queue WHERE state IN ('leased', 'queued', 'waiting') ORDER BY state DESC, priority, job_id LIMIT 1000)
UNION ALL
(SELECT * FROM site_queue WHERE state IN ('done', 'dead', 'cancelled') ORDER BY finished_at DESC, job_id DESC LIMIT 100)
