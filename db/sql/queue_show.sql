-- $1 job. One row with everything about it.
SELECT j.job_id, m.name AS model, m.kind, r.commit AS revision, t.name AS task, t.version AS task_version,
    t.sha256 AS task_sha256, config_json(c) AS config, j.purpose, j.state, j.priority, j.turn, j.needs_mb, j.needs_disk_mb,
    j.needs_gpus, j.needs_device, j.needs_dtype, j.attempt, j.failures,
    j.crashes, j.lease_owner AS worker_id, j.lease_until, j.progress, j.cancel_requested, j.record_sha256, j.error_class,
    j.error, j.created_at, j.queued_at, CASE WHEN isfinite(j.run_at) THEN j.run_at END AS run_at, j.finished_at,
    t.paused_at IS NOT NULL AS paused,
    (SELECT max(run_id) FROM runs x WHERE x.job_id = j.job_id) AS run_id
FROM jobs j JOIN revisions r USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
JOIN configurations c USING (config_id)
WHERE j.job_id = $1::bigint
