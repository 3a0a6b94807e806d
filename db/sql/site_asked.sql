-- No parameters. Which suites a model was ever asked for.
SELECT model, suite FROM site_asked ORDER BY model COLLATE "C", suite
