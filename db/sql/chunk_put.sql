-- $1 worker id, $2 job, $3 attempt, $4 number, $5 samples, $6 sha256 of the body, $7 build, $8 body. ok, already, stale, gone.
SELECT put_chunk($1::uuid, $2::bigint, $3::integer, $4::integer, $5::integer, $6, $7, $8::bytea) AS answer
