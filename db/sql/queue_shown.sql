-- $1 how many, $2 suites whose jobs aren't shown, with commas between them. What runs and what is next, in the order of claims.
SELECT list_queue($1::integer, string_to_array($2, ',')) AS list
