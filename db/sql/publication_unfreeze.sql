-- $1 why, $2 who. Whether it was frozen.
SELECT unfreeze_publication($1, $2) AS changed
