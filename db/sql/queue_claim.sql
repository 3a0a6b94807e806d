-- $1 worker id, $2 lease in seconds, $3 revision id that the worker has loaded; what its machine has, NULL: any: $4 memory in
-- MB, $5 disk in MB, $6 GPUs, $7 device, $8 dtypes, with commas between them. No row: nothing to do.
SELECT job_id, attempt, epoch, purpose, revision_id, model, kind, commit, task, task_version, task_sha256, config,
    config_id, manifest
FROM claim_job($1::uuid, $2::integer, $3::bigint, $4::integer, $5::integer, $6::integer, $7, string_to_array($8, ','))
