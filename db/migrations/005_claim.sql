-- Workers take, hold and give back jobs. Each call is one short transaction, idempotent or fenced by attempt, so that
-- a caller who lost the reply calls again. All clocks are this server's: clock_timestamp(), as now() stands still.

CREATE FUNCTION register_worker(w uuid, its_host text, its_pid integer, its_build text, its_info jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE e uuid;
BEGIN
    INSERT INTO workers (worker_id, host, pid, build, info)
        VALUES (w, clean_text(its_host, 50), its_pid, clean_text(its_build, 50), its_info)
        ON CONFLICT (worker_id) DO UPDATE SET last_seen = clock_timestamp(), stopped_at = NULL;
    SELECT epoch INTO STRICT e FROM settings;
    RETURN e;
END $$;

-- The next job for a worker, by priority, then by age. Among jobs of the first priority in the window of a hundred, one
-- whose model the worker has loaded comes first and one whose model another worker is busy with comes last, as long as
-- it was not queued settings.affinity_s later than the oldest.
CREATE FUNCTION pick_job(memory_mb integer, resident bigint, affinity_s double precision) RETURNS bigint
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE picked bigint;
BEGIN
    -- MATERIALIZED: a window that a nested loop ran again could come out differently.
    WITH near AS MATERIALIZED (
        SELECT job_id, priority, revision_id, queued_at FROM jobs
        WHERE state = 'queued' AND needs_mb <= memory_mb ORDER BY priority, job_id LIMIT 100),
    busy AS MATERIALIZED (SELECT DISTINCT revision_id FROM jobs WHERE state = 'leased'),
    oldest AS MATERIALIZED (SELECT min(queued_at) AS at FROM near WHERE priority = (SELECT min(priority) FROM near))
    SELECT j.job_id INTO picked FROM near JOIN jobs j USING (job_id) CROSS JOIN oldest
    WHERE j.state = 'queued'
    ORDER BY near.priority, near.queued_at > oldest.at + make_interval(secs => affinity_s),
        near.revision_id IS DISTINCT FROM resident, near.revision_id IN (SELECT revision_id FROM busy), near.job_id
    LIMIT 1 FOR UPDATE OF j SKIP LOCKED;
    IF picked IS NULL THEN -- the whole window went to others meanwhile
        SELECT job_id INTO picked FROM jobs WHERE state = 'queued' AND needs_mb <= memory_mb
        ORDER BY priority, job_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
    RETURN picked;
END $$;

CREATE FUNCTION claim_job(w uuid, lease integer, memory_mb integer, resident bigint)
RETURNS TABLE (job_id bigint, attempt integer, epoch uuid, purpose text, revision_id bigint, model text, kind text,
    commit text, task text, task_version integer, task_sha256 text, config jsonb, config_id bigint, manifest jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE
    picked bigint; s settings;
    moment timestamptz := clock_timestamp(); -- a volatile function in the condition would not use the index
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    UPDATE workers SET last_seen = clock_timestamp() WHERE worker_id = w AND stopped_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % is not registered', w USING ERRCODE = 'ZA002';
    END IF;
    SELECT * INTO STRICT s FROM settings;
    -- A lease that this worker holds already is one whose reply it never got.
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => lease), lease_s = lease
        WHERE state = 'leased' AND lease_owner = w RETURNING jobs.job_id INTO picked;
    IF picked IS NULL THEN
        UPDATE jobs SET state = 'queued', queued_at = clock_timestamp() WHERE jobs.job_id IN (
            SELECT j.job_id FROM jobs j WHERE j.state = 'waiting' AND j.run_at <= moment
            ORDER BY j.run_at LIMIT 64 FOR UPDATE SKIP LOCKED);
        picked := pick_job(memory_mb, resident, s.affinity_s);
        UPDATE jobs SET state = 'leased', attempt = jobs.attempt + 1, lease_owner = w, lease_s = lease, progress = 0,
            lease_until = clock_timestamp() + make_interval(secs => lease) WHERE jobs.job_id = picked;
        INSERT INTO attempts (job_id, attempt, worker_id)
            SELECT j.job_id, j.attempt, w FROM jobs j WHERE j.job_id = picked;
    END IF;
    RETURN QUERY SELECT j.job_id, j.attempt, s.epoch, j.purpose, j.revision_id, m.name, m.kind, r.commit, t.name,
        t.version, t.sha256::text, config_json(c), j.config_id, r.manifest
        FROM jobs j JOIN revisions r USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
        JOIN configurations c USING (config_id) WHERE j.job_id = picked;
END $$;

-- ok, cancel (ok, and the job is to be given up) or stale.
CREATE FUNCTION heartbeat(w uuid, jid bigint, att integer, lease integer, done real) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE cancelled boolean;
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    UPDATE workers SET last_seen = clock_timestamp()
        WHERE worker_id = w AND last_seen < clock_timestamp() - interval '5 s';
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => lease), lease_s = lease,
        progress = least(greatest(done, 0), 1)
        WHERE job_id = jid AND attempt = att AND state = 'leased' AND lease_owner = w
        RETURNING cancel_requested INTO cancelled;
    RETURN CASE WHEN NOT FOUND THEN 'stale' WHEN cancelled THEN 'cancel' ELSE 'ok' END;
END $$;

-- After three models that one task failed, the task is at fault: its jobs wait until somebody resumes it.
CREATE FUNCTION pause_task(tid bigint, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    UPDATE tasks SET paused_at = clock_timestamp(), paused_why = clean_text(why, 250)
        WHERE task_id = tid AND paused_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE jobs SET state = 'waiting', run_at = 'infinity' WHERE task_id = tid AND state IN ('queued', 'waiting');
    INSERT INTO events (kind, data) VALUES ('task.pause', jsonb_build_object('task_id', tid, 'why', clean_text(why, 250)));
    RETURN true;
END $$;

CREATE FUNCTION judge_task(tid bigint) RETURNS void LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
BEGIN
    IF (SELECT count(DISTINCT r.model_id) FROM jobs j JOIN revisions r USING (revision_id)
        WHERE j.task_id = tid AND j.state = 'dead' AND j.error_class = 'task') >= (SELECT task_models_max FROM settings) THEN
        PERFORM pause_task(tid, 'it failed for several models');
    END IF;
END $$;

-- What becomes of a job whose attempt ended without a result. action: dead, retry (a failure), quarantine (a crash), release.
-- Answers: the job's new state, already (told before), stale or gone.
CREATE FUNCTION fail_job(w uuid, jid bigint, att integer, class text, action text, message text,
    retry_after_s double precision, needs integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE
    j jobs; s settings; told text; becomes job_state; wait double precision := 0; paused boolean;
    note text := CASE WHEN octet_length(message) > 1000 THEN left(message, 250) ELSE message END;
BEGIN
    IF action NOT IN ('dead', 'retry', 'quarantine', 'release') THEN
        RAISE EXCEPTION 'no action "%" for a failed job', action USING ERRCODE = 'ZA001';
    END IF;
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    SELECT coalesce(outcome, '') INTO told FROM attempts WHERE job_id = jid AND attempt = att AND worker_id = w;
    IF NOT FOUND OR j.attempt <> att THEN
        RETURN 'stale';
    END IF;
    IF j.state <> 'leased' THEN
        RETURN CASE WHEN told IN ('failed', 'crashed', 'released', 'cancelled') THEN 'already' ELSE 'stale' END;
    END IF;
    SELECT * INTO STRICT s FROM settings;
    -- A job that makes one machine after another look sick is itself at fault.
    IF action = 'release' AND class = 'node'
        AND (SELECT count(*) FROM attempts WHERE job_id = jid AND error_class = 'node') >= 2 THEN
        action := 'retry';
    END IF;
    IF action = 'retry' THEN
        wait := least(21600, s.retry_backoff_s * power(4, j.failures) * (0.8 + 0.4 * random()));
        wait := least(86400, greatest(wait, coalesce(retry_after_s, 0)));
        j.failures := j.failures + 1;
    ELSIF action = 'quarantine' THEN
        wait := s.crash_backoff_s * power(2, j.crashes);
        j.crashes := j.crashes + 1;
    END IF;
    SELECT paused_at IS NOT NULL INTO paused FROM tasks WHERE task_id = j.task_id;
    becomes := CASE WHEN j.cancel_requested THEN 'cancelled'
        WHEN action = 'dead' OR j.failures >= s.max_failures OR j.crashes >= s.max_crashes THEN 'dead'
        WHEN action = 'release' AND NOT paused THEN 'queued' ELSE 'waiting' END;
    UPDATE jobs SET state = becomes, failures = j.failures, crashes = j.crashes, lease_owner = NULL, lease_until = NULL,
        needs_mb = greatest(needs_mb, needs), queued_at = clock_timestamp(),
        run_at = CASE WHEN paused THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => wait) END,
        error_class = CASE WHEN action = 'release' THEN jobs.error_class ELSE class END,
        error = CASE WHEN action = 'release' THEN jobs.error ELSE note END,
        finished_at = CASE WHEN becomes IN ('dead', 'cancelled') THEN clock_timestamp() END WHERE job_id = jid;
    UPDATE attempts SET ended_at = clock_timestamp(), error_class = class, error = note,
        outcome = CASE WHEN becomes = 'cancelled' THEN 'cancelled' WHEN action = 'release' THEN 'released'
            WHEN action = 'quarantine' THEN 'crashed' ELSE 'failed' END WHERE job_id = jid AND attempt = att;
    IF becomes = 'dead' THEN
        INSERT INTO events (kind, job_id, data) VALUES ('dead', jid, jsonb_build_object('class', class, 'error', note));
        PERFORM judge_task(j.task_id);
    END IF;
    RETURN becomes;
END $$;

-- Leases that ran out: the worker is gone or cut off. One statement, so that nothing comes between reading and writing.
-- After a restart of the server every worker gets one lease length to be heard again.
CREATE FUNCTION reap() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE n integer; moment timestamptz := clock_timestamp();
BEGIN
    WITH s AS (SELECT * FROM settings),
    late AS MATERIALIZED (
        SELECT j.job_id, j.attempt FROM jobs j WHERE j.state = 'leased' AND j.lease_until < moment
            AND pg_postmaster_start_time() < moment - make_interval(secs => j.lease_s)
        ORDER BY j.lease_until LIMIT 100 FOR UPDATE SKIP LOCKED),
    put_back AS (
        UPDATE jobs j SET crashes = j.crashes + 1, lease_owner = NULL, lease_until = NULL, queued_at = clock_timestamp(),
            state = (CASE WHEN j.cancel_requested THEN 'cancelled' WHEN j.crashes + 1 >= s.max_crashes THEN 'dead'
                ELSE 'waiting' END)::job_state,
            finished_at = CASE WHEN j.cancel_requested OR j.crashes + 1 >= s.max_crashes THEN clock_timestamp() END,
            run_at = CASE WHEN t.paused_at IS NOT NULL THEN 'infinity'
                ELSE clock_timestamp() + make_interval(secs => s.crash_backoff_s * power(2, j.crashes)) END,
            error_class = 'lost', error = 'the worker went silent and its lease ran out'
        FROM late, s, tasks t WHERE j.job_id = late.job_id AND t.task_id = j.task_id RETURNING j.job_id, j.state),
    ended AS (
        UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'lost', error_class = 'lost'
        FROM late WHERE (a.job_id, a.attempt) = (late.job_id, late.attempt)),
    told AS (INSERT INTO events (kind, job_id, data)
        SELECT 'dead', job_id, '{"class": "lost"}' FROM put_back WHERE state = 'dead')
    SELECT count(*) INTO n FROM put_back;
    RETURN n;
END $$;

-- A worker that ends in order; a job that it still holds goes back without a penalty.
CREATE FUNCTION stop_worker(w uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs;
BEGIN
    SELECT * INTO j FROM jobs WHERE state = 'leased' AND lease_owner = w FOR UPDATE;
    IF FOUND THEN
        PERFORM fail_job(w, j.job_id, j.attempt, 'interrupted', 'release', NULL, NULL, NULL);
    END IF;
    UPDATE workers SET stopped_at = clock_timestamp(), last_seen = clock_timestamp() WHERE worker_id = w;
END $$;
