-- No parameters. To be run after a restore.
SELECT new_epoch() AS epoch
