-- $1 how many, $2 suites of which none is shown, with commas between them. Those that ended, the last first.
SELECT list_ended($1::integer, string_to_array($2, ',')) AS list
