-- No parameters. One document: what a monitor watches.
SELECT queue_monitor() AS monitor
