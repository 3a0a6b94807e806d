-- No parameters. Jobs that are not over, those queued in the order of claims (jobs_before of migrations/015), those waiting by
-- when they come back; and the last hundred that are.
(SELECT * FROM site_queue b WHERE state IN ('leased', 'queued', 'waiting')
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model) ORDER BY state DESC,
        CASE state WHEN 'waiting' THEN run_at END, priority, turn, job_id LIMIT 1000)
UNION ALL
(SELECT * FROM site_queue b WHERE state IN ('done', 'dead', 'cancelled')
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model) ORDER BY finished_at DESC, job_id DESC LIMIT 100)
