-- Results that were measured elsewhere. A run of purpose 'import' is of a task of its own (what somebody else asked is not ours,
-- whatever its name), so that it never stands in the place of what was measured, and no board ranks it: boards show it
-- beside their rows, with what it is. `origin` says of every run which of both it is.

-- As 020 has it, with imports, which stand among each other.
CREATE OR REPLACE FUNCTION store_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
    began timestamptz, text_of text, sha text, expected text, has_chunks boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rec jsonb := text_of::jsonb; audit jsonb := coalesce(rec -> 'audit', '{}'); n_all bigint := coalesce((rec ->> 'n')::bigint, 0);
    build text := rec ->> 'harness_build'; its_main text := rec ->> 'main'; rid bigint := nextval('runs_run_id_seq');
    has_main boolean; bad boolean; chunks integer := 0; locked text; nth integer;
BEGIN
    IF rec ->> 'task_sha256' IS DISTINCT FROM expected THEN
        RAISE EXCEPTION 'the record is of another version of the task' USING ERRCODE = 'ZA001';
    END IF;
    IF has_chunks OR jsonb_typeof(rec -> 'chunks') = 'array' THEN
        chunks := settle_chunks(sid, coalesce(rec -> 'chunks', '[]'));
    END IF;
    locked := pg_advisory_xact_lock(hashtextextended(format('%s/%s/%s', rev, task, config), 2)); -- for the ordinal
    WITH m AS MATERIALIZED (
        SELECT coalesce(m.subset, '') AS subset, m.name, m.value, m.stderr, m.low, m.high, coalesce(m.n, n_all) AS n
        FROM jsonb_to_recordset(rec -> 'metrics') AS m (subset text, name text, value double precision,
            stderr double precision, low double precision, high double precision, n bigint)),
    x AS MATERIALIZED (
        SELECT encode(sha256(convert_to(string_agg(concat_ws('|', m.subset, m.name, m.value, m.stderr), E'\n'
                ORDER BY m.subset COLLATE "C", m.name COLLATE "C"), 'UTF8')), 'hex') AS bits,
            coalesce(bool_or(m.name = its_main AND m.subset = ''), false) AS has_main,
            bool_or(octet_length(m.subset) > 200 OR octet_length(m.name) NOT BETWEEN 1 AND 100 OR m.n < 0) IS NOT FALSE
                OR n_all < 0 OR octet_length(build) NOT BETWEEN 1 AND 200 OR why NOT IN ('eval', 'canary', 'reproduce', 'import')
                OR (abs((rec ->> 'seconds')::double precision) < 'Infinity') IS FALSE OR (jid IS NULL) <> (att IS NULL)
                OR pg_column_size(rec) >= 1048576 AS bad FROM m),
    numbers AS (INSERT INTO results (run_id, subset, metric, value, stderr, low, high, n)
        SELECT rid, m.subset, m.name, m.value, m.stderr, m.low, m.high, m.n FROM m),
    run AS (INSERT INTO runs (run_id, revision_id, task_id, config_id, harness_build, ordinal, purpose, job_id, attempt, worker_id,
            set_id, main, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds, backend, isa, device, dtype,
            data_sha256, weights_sha256, bits_sha256, record_sha256, n_chunks, record, started_at)
        OVERRIDING SYSTEM VALUE
        SELECT rid, rev, task, config, build, 1 + coalesce((SELECT max(o.ordinal) FROM runs o
                WHERE (o.revision_id, o.task_id, o.config_id, o.harness_build) = (rev, task, config, build)), 0),
            why, jid, att, w, sid, its_main, n_all, coalesce((audit ->> 'ties')::bigint, 0),
            coalesce((audit ->> 'truncated')::bigint, 0), coalesce((audit ->> 'empty')::bigint, 0),
            coalesce((audit ->> 'nan')::bigint, 0), coalesce((rec ->> 'tokens_asked')::bigint, 0),
            coalesce((rec ->> 'tokens_computed')::bigint, 0), coalesce((rec ->> 'seconds')::double precision, 0),
            coalesce(rec ->> 'backend', ''), coalesce(rec ->> 'isa', ''), coalesce(rec ->> 'device', ''),
            coalesce(rec ->> 'dtype', ''), rec ->> 'data_sha256', rec ->> 'weights_sha256', x.bits, sha, chunks, rec, began
        FROM x WHERE x.has_main AND NOT x.bad RETURNING ordinal),
    stands AS ( -- the newest of its configuration, which the lock keeps it until we commit
        INSERT INTO standing_runs SELECT rev, task, config, rid FROM run WHERE why IN ('eval', 'import')
            ON CONFLICT (task_id, config_id, revision_id) DO UPDATE SET run_id = excluded.run_id)
    SELECT x.has_main, x.bad, run.ordinal INTO has_main, bad, nth FROM x LEFT JOIN run ON true;
    IF NOT has_main THEN
        RAISE EXCEPTION 'the record lacks its main metric' USING ERRCODE = 'ZA001';
    END IF;
    IF bad THEN
        RAISE EXCEPTION 'the record has a name or a count that is out of bounds' USING ERRCODE = 'ZA001';
    END IF;
    IF nth > 1 THEN
        PERFORM compare_bits(r) FROM runs r WHERE r.run_id = rid;
    END IF;
    RETURN rid;
END $$;

-- As 006 has it; where the run was there, the samples that were handed in with it once more go again.
CREATE OR REPLACE FUNCTION record_run(request jsonb, sid bigint, text_of text, OUT run_id bigint, OUT created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE rev bigint; task bigint; config bigint; r runs;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended((request #>> '{model,name}') || '@' || (request #>> '{model,commit}'), 1));
    rev := put_revision(request -> 'model');
    task := put_task(request -> 'task');
    config := put_config(coalesce(request -> 'config', '{}'));
    SELECT x.run_id INTO run_id FROM runs x WHERE (x.revision_id, x.task_id, x.config_id) = (rev, task, config)
        AND x.record_sha256 = encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    created := run_id IS NULL;
    IF created THEN
        IF EXISTS (SELECT 1 FROM runs x WHERE x.set_id = sid) OR EXISTS (SELECT 1 FROM jobs x WHERE x.set_id = sid) THEN
            RAISE EXCEPTION 'sample set % belongs to another run', sid USING ERRCODE = 'ZA003';
        END IF;
        r := put_run(rev, task, config, coalesce(request ->> 'purpose', 'eval'), NULL, NULL, NULL,
            coalesce(sid, nextval('sample_sets')), NULL, text_of);
        run_id := r.run_id;
    ELSE
        DELETE FROM sample_chunks c WHERE c.set_id = sid AND NOT EXISTS (SELECT 1 FROM runs x WHERE x.set_id = sid)
            AND NOT EXISTS (SELECT 1 FROM jobs x WHERE x.set_id = sid);
    END IF;
END $$;

-- As 006 has it, likewise.
CREATE OR REPLACE FUNCTION choose_standing(rev bigint, task bigint, config bigint) RETURNS void
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE newest bigint;
BEGIN
    SELECT run_id INTO newest FROM runs WHERE (revision_id, task_id, config_id) = (rev, task, config)
        AND superseded_at IS NULL AND purpose IN ('eval', 'import') ORDER BY finished_at DESC, run_id DESC LIMIT 1;
    IF newest IS NULL THEN
        DELETE FROM standing_runs WHERE (revision_id, task_id, config_id) = (rev, task, config);
    ELSE
        INSERT INTO standing_runs VALUES (rev, task, config, newest)
            ON CONFLICT (task_id, config_id, revision_id) DO UPDATE SET run_id = excluded.run_id;
    END IF;
END $$;

-- Nobody but an import knows this revision: it is not the newest of a model that was measured.
CREATE FUNCTION only_imported(rev bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM runs r WHERE r.revision_id = rev AND r.purpose = 'import')
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.revision_id = rev AND r.purpose <> 'import')
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.revision_id = rev)
$$;

CREATE OR REPLACE VIEW site_models AS
    SELECT m.model_id, m.name AS model, m.kind, v.revision_id, v.commit AS revision, v.licence, v.architecture, v.dtype,
        v.params, v.size_bytes, v.card, v.created_at,
        v.revision_id = coalesce(max(v.revision_id) FILTER (WHERE NOT only_imported(v.revision_id)) OVER (PARTITION BY m.model_id),
            max(v.revision_id) OVER (PARTITION BY m.model_id)) AS newest,
        (SELECT count(*) FROM runs r WHERE r.revision_id = v.revision_id) AS n_runs
    FROM models m JOIN revisions v USING (model_id);

CREATE OR REPLACE VIEW site_runs AS
    SELECT r.run_id, m.model_id, m.name AS model, v.revision_id, v.commit AS revision, t.task_id, t.name AS task,
        t.version AS task_version, t.sha256 AS task_sha256, t.kind, config_json(c) AS config, r.harness_build, r.ordinal,
        r.purpose, r.job_id, r.attempt, r.main, x.value, x.stderr, x.low, x.high, r.n, r.ties, r.truncated, r.empty, r.nan,
        r.tokens_asked, r.tokens_computed, r.seconds, r.backend, r.isa, r.device, r.dtype, r.data_sha256,
        r.weights_sha256, r.bits_sha256, r.record_sha256, r.n_chunks, r.record, r.started_at, r.finished_at,
        r.superseded_at, r.superseded_why,
        EXISTS (SELECT 1 FROM standing_runs k WHERE k.run_id = r.run_id) AS current,
        CASE r.purpose WHEN 'import' THEN 'imported' ELSE 'measured' END AS origin
    FROM runs r JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
    JOIN configurations c USING (config_id)
    JOIN results x ON x.run_id = r.run_id AND x.subset = '' AND x.metric = r.main;

-- As 017 has it; a revision that only an import knows is not the newest.
CREATE OR REPLACE FUNCTION requeue_outdated(its_build text, of_suites text[], dry boolean) RETURNS TABLE (job_id bigint, model text, task text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- Found first, and queued then: a condition that does something is not to be asked of rows that others would leave out.
    RETURN QUERY WITH found AS MATERIALIZED (
        SELECT DISTINCT j.job_id, m.name, t.name AS task FROM current_suites s JOIN suite_tasks st USING (suite_id)
        JOIN jobs j USING (task_id) JOIN tasks t USING (task_id)
        JOIN standing_runs k ON (k.revision_id, k.task_id, k.config_id) = (j.revision_id, j.task_id, j.config_id)
        JOIN runs r ON r.run_id = k.run_id JOIN revisions v ON v.revision_id = j.revision_id JOIN models m USING (model_id)
        CROSS JOIN LATERAL standing_of(m.name) x
        WHERE j.state = 'done' AND r.harness_build <> its_build AND (of_suites IS NULL OR s.name = ANY (of_suites))
            AND v.revision_id = (SELECT max(o.revision_id) FROM revisions o WHERE o.model_id = v.model_id
                AND NOT only_imported(o.revision_id))
            AND coalesce(x.standing, 'approved') = 'approved'
            AND NOT EXISTS (SELECT 1 FROM run_origins o WHERE o.run_id = r.run_id)) -- scored again: its build is two
        SELECT f.job_id, f.name, f.task FROM found f WHERE dry OR retry_job(f.job_id, 'eval') = 'queued' ORDER BY 1;
END $$;

-- What imports say of a suite's tasks, by the tasks' names: the main score (mteb's files call it so; lm-evaluation-harness calls
-- mc2 "acc"), of as many documents and examples as the suite asks with, as far as either says.
CREATE VIEW site_imported AS
    SELECT s.name AS suite, m.name AS model, v.commit AS revision, v.licence, v.architecture, v.params, v.size_bytes, st.position,
        st.task_id, t.name AS task, t.kind, r.run_id, x.metric, x.value, x.stderr, x.low, x.high, x.n, r.dtype, c.profile, c.shots,
        r.finished_at, r.record #>> '{imported,format}' AS format
    FROM current_suites s JOIN suite_tasks st USING (suite_id) JOIN tasks t USING (task_id)
    JOIN configurations sc ON sc.config_id = st.config_id
    JOIN tasks o ON o.name = t.name AND o.task_id <> t.task_id
    JOIN standing_runs k ON k.task_id = o.task_id JOIN runs r ON r.run_id = k.run_id AND r.purpose = 'import'
    JOIN configurations c ON c.config_id = k.config_id AND c.sample_limit = sc.sample_limit
        AND (c.shots = sc.shots OR c.shots = -1 OR sc.shots = -1)
    JOIN results x ON x.run_id = r.run_id AND x.subset = '' AND (x.metric = t.main OR (r.main = 'main_score' AND x.metric = r.main)
        OR (t.main = 'mc2' AND x.metric = 'acc'))
    JOIN revisions v ON v.revision_id = r.revision_id JOIN models m ON m.model_id = v.model_id;

REVOKE ALL ON FUNCTION only_imported FROM PUBLIC;
REVOKE ALL ON site_imported FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT EXECUTE ON FUNCTION only_imported TO assay_owner, assay_site, assay_ops; -- site_models calls it as its reader
        GRANT ALL ON site_imported TO assay_owner;
        GRANT SELECT ON site_imported TO assay_site, assay_ops;
    END IF;
END $$;
