-- $1 task name. How many jobs go on.
SELECT coalesce(sum(resume_task(task_id)), 0)::bigint AS n FROM tasks WHERE name = $1
