-- $1 worker id, $2 job, $3 attempt, $4 epoch, $5 the record's text, then as $2 to $8 of queue_claim. One row: what finishing
-- answered, and the next job, NULL where there is none.
SELECT answer, job_id, attempt, epoch, purpose, revision_id, model, kind, commit, task, task_version, task_sha256, config,
    config_id, manifest
FROM finish_and_claim($1::uuid, $2::bigint, $3::integer, $4::uuid, $5, $6::integer, $7::bigint, $8::integer, $9::integer,
    $10::integer, $11, string_to_array($12, ','))
