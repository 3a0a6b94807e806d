-- $1 org/name. What is related to its newest revision, the closest first.
SELECT model, revision, relation, ours, theirs, correlation FROM lineage_of($1)
