-- No parameters. What the promise "a result answered ok survives a crash" rests on, and what db status shows.
SELECT current_setting('server_version') AS server, current_setting('server_version_num')::integer AS server_num,
    current_setting('fsync')::boolean AS fsync, current_setting('synchronous_commit') <> 'off' AS synchronous,
    pg_is_in_recovery() AS standby, current_database() AS database, session_user AS login,
    pg_database_size(current_database()) AS size_bytes
