-- $1 worker id, $2 job id, $3 attempt, $4 its last lines.
SELECT keep_log($1::uuid, $2::bigint, $3::integer, $4) AS answer
