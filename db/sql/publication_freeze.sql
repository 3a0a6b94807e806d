-- $1 why, $2 who. Whether it was not frozen before.
SELECT freeze_publication($1, $2) AS changed
