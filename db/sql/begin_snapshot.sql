-- No parameters. All that a site shows is of one moment.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
