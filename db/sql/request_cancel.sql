-- $1 request, $2 who asks, $3 1: may cancel what is not his. cancelled, already, denied or gone.
SELECT cancel_request($1::bigint, $2, $3::integer = 1) AS answer
