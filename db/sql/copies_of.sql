-- $1 org/name. What it is a copy of, and what is a copy of it.
SELECT model, commit, of_model, of_commit, at FROM copies WHERE model = $1 OR of_model = $1 ORDER BY at, model, of_model
