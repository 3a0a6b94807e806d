-- $1 org/name. How much of it was read for its lineage; no row where it was not looked at.
SELECT revision, tensors, share FROM prints_read($1) WHERE revision IS NOT NULL
