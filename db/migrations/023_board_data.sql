-- The board's own rows say what their cells are told apart and compared by: joined to site_runs for it, which the planner takes for a few
-- rows, the board of ten thousand models was not read in four minutes, after which the query was ended.
CREATE OR REPLACE VIEW site_board AS
    SELECT s.suite_id, s.name AS suite, m.model_id, m.name AS model, v.revision_id, v.commit AS revision,
        v.revision_id = max(v.revision_id) OVER (PARTITION BY s.suite_id, m.model_id) AS newest,
        v.licence, v.architecture, v.params, v.size_bytes, c.precision, c.weight_type, st.position, t.task_id,
        t.name AS task, t.kind, r.run_id, x.metric, x.value, x.stderr, x.low, x.high, x.n, r.dtype, r.backend, r.isa,
        r.device, r.seconds, r.tokens_asked, r.tokens_computed, r.finished_at, r.data_sha256, r.record
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
