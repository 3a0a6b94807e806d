-- $1 run. What it is of and all that it measured: what scoring again, reproducing and verifying it start from.
SELECT r.run_id, r.model, r.revision, m.kind AS model_kind, v.manifest ->> 'path' AS model_path, r.task, r.task_version,
    r.task_sha256, r.kind, t.definition, r.config, r.harness_build, r.purpose, r.n, r.n_chunks, r.backend, r.isa, r.device,
    r.dtype, r.data_sha256, r.bits_sha256, bits_of_results(r.run_id) AS bits_now, r.record_sha256, r.record,
    r.finished_at, r.superseded_at, r.superseded_why, r.current
FROM site_runs r JOIN tasks t USING (task_id) JOIN revisions v USING (revision_id) JOIN models m ON m.model_id = v.model_id
WHERE r.run_id = $1::bigint
