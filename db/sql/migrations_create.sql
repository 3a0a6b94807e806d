-- No parameters. What was applied, and the hash of the file it was applied from.
CREATE TABLE IF NOT EXISTS assay.schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
