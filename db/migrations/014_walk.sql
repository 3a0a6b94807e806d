-- What a worker that keeps a model open asks for, and what it tells who submitted: jobs beside the one in hand, how long
-- one is likely to take, the last lines of an attempt; and how deep the queue is, for who starts workers.

ALTER TABLE attempts ADD COLUMN log text CONSTRAINT attempts_log_short CHECK (octet_length(log) <= 65536);

-- Queued jobs that a process which has this job's model open could do next, in the order of the queue: this worker's
-- share of them, as the others will take theirs. Nothing is held: each is claimed when its turn comes.
CREATE FUNCTION jobs_beside(jid bigint, n integer)
RETURNS TABLE (job_id bigint, attempt integer, task text, task_sha256 text, config jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    WITH beside AS MATERIALIZED (
        SELECT o.job_id, o.attempt, o.priority, o.turn, o.task_id, o.config_id
        FROM jobs j JOIN configurations h ON h.config_id = j.config_id
            JOIN jobs o ON o.revision_id = j.revision_id AND o.state = 'queued' AND o.purpose = 'eval'
            JOIN configurations c ON c.config_id = o.config_id
                AND (c.precision, c.weight_type, c.template) = (h.precision, h.weight_type, h.template)
        WHERE j.job_id = jid AND j.purpose = 'eval' ORDER BY o.priority, o.turn, o.job_id LIMIT 1000),
    share AS (
        SELECT (SELECT count(*) FROM beside) / greatest(1, count(*)) + 1 AS jobs FROM workers
        WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min')
    SELECT b.job_id, b.attempt, t.name, t.sha256::text, config_json(c)
    FROM beside b JOIN tasks t USING (task_id) JOIN configurations c USING (config_id)
    ORDER BY b.priority, b.turn, b.job_id LIMIT (SELECT least(greatest(n, 0), jobs) FROM share)
$$;

-- Seconds that the job is likely to take, by the slower of the runs of its task, those of smaller models in proportion;
-- NULL where there are none.
CREATE FUNCTION estimate_job(jid bigint) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY o.seconds * greatest(1, coalesce(
        m.size_bytes::float8 / nullif(o.size_bytes, 0), 1)))
    FROM jobs j JOIN revisions m USING (revision_id) CROSS JOIN LATERAL (
        SELECT r.seconds, v.size_bytes FROM runs r JOIN revisions v USING (revision_id)
        WHERE r.task_id = j.task_id ORDER BY r.run_id DESC LIMIT 20) o
    WHERE j.job_id = jid
$$;

-- ok, or stale for who never had that attempt. Told again it is replaced.
CREATE FUNCTION keep_log(w uuid, jid bigint, att integer, lines text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    UPDATE attempts SET log = left(regexp_replace(lines, '[\x01-\x09\x0b-\x1f\x7f]', ' ', 'g'), 16000)
        WHERE job_id = jid AND attempt = att AND worker_id = w;
    RETURN CASE WHEN FOUND THEN 'ok' ELSE 'stale' END;
END $$;

-- Jobs that could be claimed now by a worker of so much memory: for who decides how many workers there should be.
CREATE FUNCTION queue_depth(memory_mb integer) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT count(*) FROM jobs
    WHERE (state = 'queued' OR (state = 'waiting' AND run_at <= clock_timestamp())) AND needs_mb <= memory_mb
$$;

-- Whether anything is queued, leased or waiting, for who drains the queue; what a person paused is not waited for.
CREATE FUNCTION work_left() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued') OR EXISTS (SELECT 1 FROM jobs WHERE state = 'leased')
        OR EXISTS (SELECT 1 FROM jobs WHERE state = 'waiting' AND run_at < 'infinity')
$$;

REVOKE ALL ON FUNCTION jobs_beside, estimate_job, keep_log, queue_depth, work_left FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_worker') THEN
        GRANT EXECUTE ON FUNCTION jobs_beside, estimate_job, keep_log, queue_depth, work_left TO assay_worker, assay_owner;
        GRANT EXECUTE ON FUNCTION queue_depth TO assay_ops;
    END IF;
END $$;
