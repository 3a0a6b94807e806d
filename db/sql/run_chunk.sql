-- $1 sample set (NULL: a new one), $2 number, $3 samples, $4 sha256, $5 build, $6 body. The set.
SELECT record_chunk($1::bigint, $2::integer, $3::integer, $4, $5, $6::bytea) AS set_id
