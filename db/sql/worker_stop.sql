-- $1 worker id. A job that it holds goes back.
SELECT stop_worker($1::uuid)
