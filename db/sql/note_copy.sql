-- $1 org/name, $2 its commit, $3, $4 the model that it is a copy of.
SELECT note_copy($1, $2, $3, $4)
