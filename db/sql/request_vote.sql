-- $1 request, $2 who votes. voted, already, over or gone.
SELECT vote_request($1::bigint, $2) AS answer
