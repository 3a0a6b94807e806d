-- $1 request, $2 its tries as claimed, $3 error class, $4 message, $5 hint, $6 again after so many seconds (NULL: never).
SELECT fail_request($1::bigint, $2::integer, $3, $4, $5, $6::double precision) AS answer
