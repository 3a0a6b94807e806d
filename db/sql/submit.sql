-- $1 request (jsonb, described in db.h). One row a job: submission_id, created, job_id, task, state, job_created.
SELECT submission_id, created, job_id, task, state, job_created FROM submit($1::jsonb)
