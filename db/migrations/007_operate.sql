-- What people do to the queue: cancel, try again, pause, withdraw a run, begin a new epoch.

-- cancelled, asked (the worker is told at its next heartbeat), already (the job is over) or gone.
CREATE FUNCTION cancel_job(jid bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    ELSIF j.state IN ('done', 'dead', 'cancelled') THEN
        RETURN 'already';
    ELSIF j.state = 'leased' THEN
        UPDATE jobs SET cancel_requested = true WHERE job_id = jid;
    ELSE
        UPDATE jobs SET state = 'cancelled', cancel_requested = true, finished_at = clock_timestamp() WHERE job_id = jid;
    END IF;
    INSERT INTO events (kind, job_id) VALUES ('cancel', jid);
    RETURN CASE j.state WHEN 'leased' THEN 'asked' ELSE 'cancelled' END;
END $$;

-- Jobs that another submission still wants go on. Answers how many were cancelled or asked to stop.
CREATE FUNCTION cancel_submission(sub bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE n integer;
BEGIN
    UPDATE submissions SET cancelled_at = clock_timestamp() WHERE submission_id = sub AND cancelled_at IS NULL;
    SELECT count(*) FILTER (WHERE cancel_job(o.job_id) IN ('cancelled', 'asked')) INTO n
    FROM (SELECT job_id FROM submission_jobs sj WHERE sj.submission_id = sub AND NOT EXISTS (
            SELECT 1 FROM submission_jobs k JOIN submissions s USING (submission_id)
            WHERE k.job_id = sj.job_id AND k.submission_id <> sub AND s.cancelled_at IS NULL)
        ORDER BY job_id) o;
    RETURN n;
END $$;

-- queued, already (it is under way) or gone. The result of a job that was done stays; what comes is a further run.
CREATE FUNCTION retry_job(jid bigint, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    ELSIF j.state IN ('queued', 'leased') THEN
        RETURN 'already';
    END IF;
    UPDATE jobs SET state = 'queued', queued_at = clock_timestamp(), run_at = clock_timestamp(), purpose = coalesce(why, purpose),
        failures = 0, crashes = 0, cancel_requested = false, record_sha256 = NULL, finished_at = NULL, progress = 0,
        error_class = NULL, error = NULL,
        set_id = CASE j.state WHEN 'done' THEN nextval('sample_sets') ELSE set_id END WHERE job_id = jid;
    INSERT INTO events (kind, job_id, data) VALUES ('retry', jid, jsonb_build_object('was', j.state));
    NOTIFY assay_jobs;
    RETURN 'queued';
END $$;

CREATE FUNCTION resume_task(tid bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE n integer;
BEGIN
    UPDATE tasks SET paused_at = NULL, paused_why = NULL WHERE task_id = tid;
    UPDATE jobs SET run_at = clock_timestamp() WHERE task_id = tid AND state = 'waiting' AND run_at = 'infinity';
    GET DIAGNOSTICS n = ROW_COUNT;
    INSERT INTO events (kind, data) VALUES ('task.resume', jsonb_build_object('task_id', tid, 'jobs', n));
    RETURN n;
END $$;

CREATE FUNCTION supersede_run(rid bigint, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE r runs;
BEGIN
    SELECT * INTO r FROM runs WHERE run_id = rid;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('%s/%s/%s', r.revision_id, r.task_id, r.config_id), 2));
    UPDATE runs SET superseded_at = clock_timestamp(), superseded_why = clean_text(why, 250)
        WHERE run_id = rid AND superseded_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM choose_standing(r.revision_id, r.task_id, r.config_id);
    INSERT INTO events (kind, data) VALUES ('supersede', jsonb_build_object('run', rid, 'why', clean_text(why, 250)));
    RETURN true;
END $$;

-- After a restore: claims of the timeline that was lost no longer count.
CREATE FUNCTION new_epoch() RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    UPDATE settings SET epoch = gen_random_uuid() RETURNING epoch
$$;

CREATE FUNCTION schema_version() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT max(version) FROM schema_migrations
$$;
