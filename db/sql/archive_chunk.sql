-- $1 sample set, $2 chunk, $3 its sha256, $4 whether it is dropped. False if it was not there.
SELECT archive_chunk($1::bigint, $2::integer, $3, $4::boolean) AS done
