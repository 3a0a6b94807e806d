-- No parameters. For roles that may not read tables.
SELECT assay.schema_version() AS version
