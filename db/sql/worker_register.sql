-- $1 worker id (uuid, the worker's own), $2 host, $3 pid, $4 build, $5 info (jsonb). The database's epoch.
SELECT register_worker($1::uuid, $2, $3::integer, $4, $5::jsonb) AS epoch
