-- No parameters. Applied migrations in order.
SELECT version, name, sha256, applied_at FROM assay.schema_migrations ORDER BY version
