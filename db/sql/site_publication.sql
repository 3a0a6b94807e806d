-- No parameters. Whether the site may be built: frozen_at is NULL.
SELECT frozen_at, reason FROM site_publication
