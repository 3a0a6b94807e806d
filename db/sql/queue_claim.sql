-- $1 worker id, $2 lease in seconds, $3 memory in MB, $4 revision id that the worker has loaded. No row: nothing to do.
SELECT job_id, attempt, epoch, purpose, revision_id, model, kind, commit, task, task_version, task_sha256, config,
    config_id, manifest FROM claim_job($1::uuid, $2::integer, $3::integer, $4::bigint)
