-- $1 those before this one (NULL: the newest), $2 how many.
SELECT list_requests($1::bigint, $2::integer) AS list
