-- $1 request. Everything about it (jsonb); NULL where there is none.
SELECT request_view($1::bigint) AS view
