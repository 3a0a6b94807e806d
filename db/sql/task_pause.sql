-- $1 task name, $2 why. Every version of the task.
SELECT count(*) FILTER (WHERE pause_task(task_id, $2)) AS n FROM tasks WHERE name = $1
