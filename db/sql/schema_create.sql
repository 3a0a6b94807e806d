-- No parameters. Inside the migration lock, so that two at once do not collide.
CREATE SCHEMA IF NOT EXISTS assay
