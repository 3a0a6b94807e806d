-- $1 those before this one (NULL: the newest), $2 how many, $3 suites of which none is shown, with commas between them.
SELECT list_requests($1::bigint, $2::integer, string_to_array($3, ',')) AS list
