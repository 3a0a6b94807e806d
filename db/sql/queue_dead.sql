-- No parameters. Dead jobs by reason.
SELECT error_class, count(*) AS n FROM site_queue WHERE state = 'dead' GROUP BY error_class ORDER BY n DESC, error_class
