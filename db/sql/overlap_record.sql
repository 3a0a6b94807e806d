-- $1 what was found (jsonb: migration 025).
SELECT record_overlap($1::jsonb)
