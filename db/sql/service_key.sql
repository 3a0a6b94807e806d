-- No parameters. What derived keys are made of.
SELECT service_key() AS key
