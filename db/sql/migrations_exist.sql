-- No parameters. Whether this database was ever migrated.
SELECT to_regclass('assay.schema_migrations') IS NOT NULL AS there
