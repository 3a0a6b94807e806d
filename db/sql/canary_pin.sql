-- $1 run, $2 whether it is to be one, $3 why, $4 who. Whether it was not so before.
SELECT pin_canary($1::bigint, $2::integer <> 0, $3, $4) AS changed
