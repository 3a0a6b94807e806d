-- $1 webhook, $2 its tries as claimed, $3 why it failed (NULL: it was taken), $4 again after so many seconds (NULL: never).
SELECT tell_webhook($1::bigint, $2::integer, $3, $4::double precision)
