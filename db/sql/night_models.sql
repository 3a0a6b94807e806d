-- No parameters. What a night looks after, a row for each model, suite and precision.
SELECT model, suite, precision, revision, requested FROM night_models ORDER BY model COLLATE "C", suite COLLATE "C", precision COLLATE "C"
