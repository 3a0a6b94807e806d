-- $1 how many. Newest first.
SELECT night_id, build, started_at, ended_at, outcome, report FROM nights ORDER BY night_id DESC LIMIT $1::bigint
