-- $1 worker, $2 job, $3 attempt, $4 prints (jsonb). The model that it is a copy of; NULL where it is none.
SELECT put_prints($1::uuid, $2, $3::integer, $4::jsonb) AS original
