-- $1 version, $2 name, $3 sha256 of the file
INSERT INTO assay.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)
