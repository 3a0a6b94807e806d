-- $1 org/name. What its card says it was made of.
SELECT model, here, comparable FROM bases_of($1)
