-- $1 submission. Its jobs in order.
SELECT q.* FROM site_queue q JOIN submission_jobs USING (job_id) WHERE submission_id = $1::bigint ORDER BY q.job_id
