-- $1 worker, $2 job, $3 attempt, $4 prints (jsonb). The model that it is a copy of, and which share of its values says so; NULLs
-- where it is none.
SELECT original, share FROM put_prints($1::uuid, $2, $3::integer, $4::jsonb)
