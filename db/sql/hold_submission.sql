-- $1 request (as of submit), $2 code, $3 why. 'approved' where a person approved the model; else 'held', and its number.
SELECT answer, held_id FROM hold_submission($1::jsonb, $2, $3)
