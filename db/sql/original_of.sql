-- $1 org/name, $2 its manifest (jsonb). Another model with the same content that has results; NULLs where there is none.
SELECT model, revision, n_runs FROM original_of($1, $2::jsonb)
