-- The nightly run: what a night found and did, the runs that are measured again each time before anything else (canaries),
-- and whether the site may be built from what is here. Errors: ZA001 bad argument, ZA002 no such row.

CREATE TABLE nights (
    night_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    build text NOT NULL CONSTRAINT nights_build_length CHECK (octet_length(build) BETWEEN 1 AND 200),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text CONSTRAINT nights_outcome CHECK (outcome IN ('well', 'failures', 'frozen', 'stopped')),
    report jsonb NOT NULL DEFAULT '{}' CONSTRAINT nights_report_small CHECK (pg_column_size(report) < 4194304)
);

-- Small fixed runs. Each night measures them again: other numbers are a machine, a build or data that changed.
CREATE TABLE canaries (
    run_id bigint PRIMARY KEY REFERENCES runs,
    actor text NOT NULL,
    reason text NOT NULL CONSTRAINT canaries_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 1000),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Frozen: the site stays as it is until a person has looked.
CREATE TABLE publication (
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT publication_one_row CHECK (one),
    frozen_at timestamptz,
    reason text CONSTRAINT publication_reason_short CHECK (octet_length(reason) <= 1000),
    CONSTRAINT publication_frozen_with_reason CHECK ((frozen_at IS NULL) = (reason IS NULL))
);
INSERT INTO publication DEFAULT VALUES;

CREATE FUNCTION freeze_publication(why text, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE text_of text := clean_text(why, 250);
BEGIN
    PERFORM check_decision(who, text_of);
    UPDATE publication SET frozen_at = clock_timestamp(), reason = text_of WHERE frozen_at IS NULL;
    IF FOUND THEN
        PERFORM note_decision(who, 'freeze', 'publication', text_of, '{}');
        INSERT INTO events (kind, data) VALUES ('publication.freeze', jsonb_build_object('why', text_of));
    END IF;
    RETURN FOUND;
END $$;

-- The audit keeps what it had been frozen for, and since when.
CREATE FUNCTION unfreeze_publication(why text, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE was publication;
BEGIN
    PERFORM check_decision(who, why);
    SELECT * INTO was FROM publication FOR UPDATE;
    IF was.frozen_at IS NULL THEN
        RETURN false;
    END IF;
    UPDATE publication SET frozen_at = NULL, reason = NULL;
    PERFORM note_decision(who, 'unfreeze', 'publication', why, jsonb_build_object('since', was.frozen_at, 'was', was.reason));
    INSERT INTO events (kind, data) VALUES ('publication.unfreeze', jsonb_build_object('why', clean_text(why, 250)));
    RETURN true;
END $$;

-- A run becomes a canary, or (`pinned` false) is one no more. False where that was so already.
CREATE FUNCTION pin_canary(rid bigint, pinned boolean, why text, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    PERFORM check_decision(who, why);
    IF NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = rid) THEN
        RAISE EXCEPTION 'there is no run %', rid USING ERRCODE = 'ZA002';
    END IF;
    IF pinned THEN
        INSERT INTO canaries (run_id, actor, reason) VALUES (rid, clean_text(who, 50), clean_text(why, 250)) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM canaries c WHERE c.run_id = rid;
    END IF;
    IF FOUND THEN
        PERFORM note_decision(who, CASE WHEN pinned THEN 'pin' ELSE 'unpin' END, 'run ' || rid, why, '{}');
        RETURN true;
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION begin_night(its_build text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE id bigint;
BEGIN
    UPDATE nights n SET ended_at = clock_timestamp(), outcome = 'stopped' WHERE n.ended_at IS NULL; -- the caller has the lock
    INSERT INTO nights (build) VALUES (its_build) RETURNING night_id INTO id;
    RETURN id;
END $$;

-- Told again as the report grows: the site that is built in the night shows it. A night that lost its connection, and with it
-- the lock, tells nothing once another has begun: false.
CREATE FUNCTION tell_night(id bigint, how text, its_report jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    UPDATE nights SET ended_at = clock_timestamp(), outcome = how, report = its_report
        WHERE night_id = id AND NOT EXISTS (SELECT 1 FROM nights n WHERE n.night_id > id);
    RETURN FOUND;
END $$;

-- What a night looks after: each model of the hub that was asked for on a suite, or is on its board, at the precision that
-- was asked for; not those that people banned or withdrew. `requested` may name a commit: such a model is left where it is.
CREATE VIEW night_models AS
    SELECT DISTINCT ON (m.name, s.name, c.precision) m.name AS model, s.name AS suite, c.precision, v.commit AS revision,
        coalesce(b.requested, '') AS requested
    FROM (SELECT sub.revision_id, sub.suite_id, sub.requested, j.config_id, sub.submission_id
            FROM submissions sub JOIN submission_jobs USING (submission_id) JOIN jobs j USING (job_id) WHERE sub.cancelled_at IS NULL
          UNION ALL
          SELECT k.revision_id, st.suite_id, NULL, k.config_id, 0
            FROM standing_runs k JOIN suite_tasks st ON (st.task_id, st.config_id) = (k.task_id, k.config_id)) b
    JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN suites s USING (suite_id)
    JOIN configurations c USING (config_id) CROSS JOIN LATERAL standing_of(m.name) x
    WHERE m.kind = 'hub' AND coalesce(x.standing, 'approved') = 'approved'
    ORDER BY m.name, s.name, c.precision, v.revision_id DESC, b.submission_id DESC;

-- Jobs whose standing result another build measured, of the newest revision of each model and of tasks as they are now.
-- They are queued once more; what they are is answered.
CREATE FUNCTION requeue_outdated(its_build text, of_suites text[], dry boolean) RETURNS TABLE (job_id bigint, model text, task text)
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
            AND v.revision_id = (SELECT max(o.revision_id) FROM revisions o WHERE o.model_id = v.model_id)
            AND coalesce(x.standing, 'approved') = 'approved'
            AND NOT EXISTS (SELECT 1 FROM run_origins o WHERE o.run_id = r.run_id)) -- scored again: its build is two
        SELECT f.job_id, f.name, f.task FROM found f WHERE dry OR retry_job(f.job_id, 'eval') = 'queued' ORDER BY 1;
END $$;

-- Of these jobs, as they are now; and how many are not over, which is asked often.
CREATE FUNCTION night_jobs(ids jsonb)
RETURNS TABLE (job_id bigint, model text, task text, state job_state, error_class text, error text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT j.job_id, m.name, t.name, j.state, j.error_class, j.error
    FROM jobs j JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
    WHERE j.job_id IN (SELECT x::text::bigint FROM jsonb_array_elements(ids) x) ORDER BY j.job_id
$$;
CREATE FUNCTION night_left(ids jsonb) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT count(*) FROM jsonb_array_elements(ids) x JOIN jobs j ON j.job_id = x::text::bigint
    WHERE j.state NOT IN ('done', 'dead', 'cancelled')
$$;

-- Models whose histories have grown since then; and those histories of one of them: score and speed on a task, in one
-- configuration, on one kind of machine, the newest points, as many as are looked at.
CREATE FUNCTION night_grown(since timestamptz) RETURNS TABLE (model text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT DISTINCT m.name FROM runs r JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
    WHERE r.finished_at >= since AND r.purpose = 'eval' ORDER BY 1
$$;
CREATE FUNCTION night_series(its_name text, since timestamptz, n_points integer)
RETURNS TABLE (model text, task text, config_id bigint, platform text, run_id bigint, fresh boolean, revision text, build text,
    metric text, value double precision, speed double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    WITH points AS (
        SELECT t.name AS task, r.config_id, r.backend || ' ' || r.device || ' ' || r.dtype AS platform, r.run_id, r.finished_at,
            r.finished_at >= since AS fresh, v.commit, r.harness_build, x.metric, x.value,
            CASE WHEN r.seconds > 0 AND r.tokens_computed > 0 THEN r.tokens_computed / r.seconds END AS speed
        FROM models m JOIN revisions v USING (model_id) JOIN runs r USING (revision_id) JOIN tasks t USING (task_id)
        JOIN results x ON x.run_id = r.run_id AND x.subset = '' AND x.metric = r.main
        WHERE m.name = its_name AND r.purpose = 'eval'),
    placed AS (SELECT p.*, bool_or(p.fresh) OVER history AS grown,
            row_number() OVER (PARTITION BY p.task, p.config_id, p.platform ORDER BY p.finished_at DESC, p.run_id DESC) AS place
        FROM points p WINDOW history AS (PARTITION BY p.task, p.config_id, p.platform))
    SELECT its_name, p.task, p.config_id, p.platform, p.run_id, p.fresh, p.commit, p.harness_build, p.metric, p.value, p.speed
    FROM placed p WHERE p.grown AND p.place <= n_points
    ORDER BY p.task, p.config_id, p.platform, p.finished_at, p.run_id
$$;

-- All of the last one, figures of those before it.
CREATE VIEW site_nights AS
    SELECT night_id, build, started_at, ended_at, outcome, (report #>> '{models,checked}')::integer AS checked,
        coalesce(jsonb_array_length(report #> '{models,moved}'), 0) AS moved, (report #>> '{queued,jobs}')::integer AS queued,
        (report #>> '{jobs,done}')::integer AS done, (report #>> '{jobs,dead}')::integer AS failed,
        CASE WHEN row_number() OVER (ORDER BY night_id DESC) = 1 THEN report END AS report
    FROM nights WHERE ended_at IS NOT NULL ORDER BY night_id DESC LIMIT 60;
CREATE VIEW site_publication AS SELECT frozen_at, reason FROM publication;

REVOKE ALL ON nights, canaries, publication, night_models, site_nights, site_publication FROM PUBLIC;
REVOKE ALL ON FUNCTION freeze_publication, unfreeze_publication, pin_canary, begin_night, tell_night, requeue_outdated, night_jobs,
    night_left, night_grown, night_series FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON nights, canaries, publication, night_models, site_nights, site_publication TO assay_owner;
        GRANT EXECUTE ON FUNCTION freeze_publication, unfreeze_publication, pin_canary, begin_night, tell_night, requeue_outdated,
            night_jobs, night_left, night_grown, night_series TO assay_owner, assay_ops;
        GRANT SELECT ON nights, canaries, publication, night_models, site_nights, site_publication TO assay_ops;
        GRANT SELECT ON site_nights, site_publication TO assay_site;
        GRANT EXECUTE ON FUNCTION standing_of TO assay_ops;
    END IF;
END $$;
