-- $1 worker id, $2 job, $3 attempt, $4 epoch, $5 the record's text. ok, ok-late, already, stale or gone.
SELECT finish_job($1::uuid, $2::bigint, $3::integer, $4::uuid, $5) AS answer
