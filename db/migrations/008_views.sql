-- What is published. The site reads these views and nothing else, all in one snapshot.

CREATE VIEW current_suites AS
    SELECT DISTINCT ON (name) * FROM suites ORDER BY name, suite_id DESC;

-- The runs that the board shows.
CREATE VIEW current_runs AS SELECT r.* FROM runs r JOIN standing_runs USING (run_id);

CREATE VIEW site_tasks AS
    SELECT t.task_id, t.name AS task, t.version, t.sha256, t.kind, t.main, t.definition, t.paused_at IS NOT NULL AS paused,
        count(DISTINCT v.model_id) AS n_models, max(r.finished_at) AS updated_at
    FROM tasks t LEFT JOIN current_runs r USING (task_id) LEFT JOIN revisions v USING (revision_id) GROUP BY t.task_id;

CREATE VIEW site_suite_tasks AS
    SELECT s.suite_id, s.name AS suite, st.position, t.task_id, t.name AS task, t.version, t.sha256, t.kind, t.main,
        t.definition, c.profile, c.template, c.shots, c.sample_limit, c.seed
    FROM current_suites s JOIN suite_tasks st USING (suite_id) JOIN tasks t USING (task_id)
    JOIN configurations c USING (config_id);

-- One row a suite, model revision, precision and task: the main metric with its error. The configuration is the suite's
-- own; precision and weight type are free and make rows of their own. `newest`: of the revisions of this model.
CREATE VIEW site_board AS
    SELECT s.suite_id, s.name AS suite, m.model_id, m.name AS model, v.revision_id, v.commit AS revision,
        v.revision_id = max(v.revision_id) OVER (PARTITION BY s.suite_id, m.model_id) AS newest,
        v.licence, v.architecture, v.params, v.size_bytes, c.precision, c.weight_type, st.position, t.task_id,
        t.name AS task, t.kind, r.run_id, x.metric, x.value, x.stderr, x.low, x.high, x.n, r.dtype, r.backend, r.isa,
        r.device, r.seconds, r.tokens_asked, r.tokens_computed, r.finished_at
    FROM current_suites s
    JOIN suite_tasks st USING (suite_id)
    JOIN configurations sc ON sc.config_id = st.config_id
    JOIN configurations c ON (c.profile, c.template, c.shots, c.sample_limit, c.seed)
        = (sc.profile, sc.template, sc.shots, sc.sample_limit, sc.seed)
    JOIN standing_runs k ON k.task_id = st.task_id AND k.config_id = c.config_id
    JOIN runs r ON r.run_id = k.run_id
    JOIN results x ON x.run_id = r.run_id AND x.subset = '' AND x.metric = r.main
    JOIN tasks t ON t.task_id = st.task_id
    JOIN revisions v ON v.revision_id = r.revision_id
    JOIN models m ON m.model_id = v.model_id;

CREATE VIEW site_suites AS
    SELECT s.suite_id, s.name AS suite, s.version, s.sha256, s.definition, s.created_at,
        (SELECT count(*) FROM suite_tasks st WHERE st.suite_id = s.suite_id) AS n_tasks,
        coalesce(b.n_models, 0) AS n_models, b.updated_at
    FROM current_suites s LEFT JOIN (SELECT suite_id, count(DISTINCT model_id) AS n_models,
        max(finished_at) AS updated_at FROM site_board GROUP BY suite_id) b ON b.suite_id = s.suite_id;

CREATE VIEW site_models AS
    SELECT m.model_id, m.name AS model, m.kind, v.revision_id, v.commit AS revision, v.licence, v.architecture, v.dtype,
        v.params, v.size_bytes, v.card, v.created_at,
        v.revision_id = max(v.revision_id) OVER (PARTITION BY m.model_id) AS newest,
        (SELECT count(*) FROM runs r WHERE r.revision_id = v.revision_id) AS n_runs
    FROM models m JOIN revisions v USING (model_id);

CREATE VIEW site_runs AS
    SELECT r.run_id, m.model_id, m.name AS model, v.revision_id, v.commit AS revision, t.task_id, t.name AS task,
        t.version AS task_version, t.sha256 AS task_sha256, t.kind, config_json(c) AS config, r.harness_build, r.ordinal,
        r.purpose, r.job_id, r.attempt, r.main, x.value, x.stderr, x.low, x.high, r.n, r.ties, r.truncated, r.empty, r.nan,
        r.tokens_asked, r.tokens_computed, r.seconds, r.backend, r.isa, r.device, r.dtype, r.data_sha256,
        r.weights_sha256, r.bits_sha256, r.record_sha256, r.n_chunks, r.record, r.started_at, r.finished_at,
        r.superseded_at, r.superseded_why,
        EXISTS (SELECT 1 FROM standing_runs k WHERE k.run_id = r.run_id) AS current
    FROM runs r JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
    JOIN configurations c USING (config_id)
    JOIN results x ON x.run_id = r.run_id AND x.subset = '' AND x.metric = r.main;

CREATE VIEW site_results AS SELECT run_id, subset, metric, value, stderr, low, high, n FROM results;

CREATE VIEW site_samples AS
    SELECT r.run_id, c.chunk, c.n, c.sha256, c.body FROM runs r JOIN sample_chunks c USING (set_id);

CREATE VIEW site_queue AS
    SELECT j.job_id, m.name AS model, v.commit AS revision, t.name AS task, j.state, j.priority, j.attempt, j.progress,
        j.error_class, j.error, j.purpose, j.created_at, j.queued_at, CASE WHEN isfinite(j.run_at) THEN j.run_at END AS run_at,
        j.finished_at, t.paused_at IS NOT NULL AS paused
    FROM jobs j JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id);

CREATE VIEW site_workers AS
    SELECT w.worker_id, w.build, w.started_at, w.last_seen, w.stopped_at,
        w.stopped_at IS NULL AND w.last_seen > clock_timestamp() - interval '3 min' AS alive, j.job_id
    FROM workers w LEFT JOIN jobs j ON j.lease_owner = w.worker_id AND j.state = 'leased';

-- One row: what a monitor watches.
CREATE VIEW queue_stats AS
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'leased') AS leased, count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE state = 'leased' AND lease_until < clock_timestamp()) AS overdue,
        count(*) FILTER (WHERE state = 'done' AND finished_at > clock_timestamp() - interval '1 h') AS done_last_hour,
        coalesce(extract(epoch FROM clock_timestamp() - min(queued_at) FILTER (WHERE state = 'queued')), 0)::float8
            AS oldest_queued_s,
        (SELECT count(*) FROM workers WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min')
            AS workers_alive,
        (SELECT count(*) FROM events WHERE kind LIKE 'alarm.%') AS alarms
    FROM jobs;
