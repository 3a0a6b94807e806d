-- No parameters. Every job that is not over, and the last hundred that are.
(SELECT * FROM site_queue b WHERE state IN ('leased', 'queued', 'waiting')
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model) ORDER BY state DESC, priority, job_id LIMIT 1000)
UNION ALL
(SELECT * FROM site_queue b WHERE state IN ('done', 'dead', 'cancelled')
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model) ORDER BY finished_at DESC, job_id DESC LIMIT 100)
