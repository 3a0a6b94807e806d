-- Turns with half the work: what finishes a job is two statements, what claims one is four, each as large as it can be, as
-- beginning and ending a statement costs more than most of what they do.
--
-- All of them look rows up by key, whatever the planner thinks of it: a worker's plans are made when it makes its first
-- turn, of tables that may be empty then, and a scan of all runs is cheap as long as there are none. So sequential scans
-- are off where plans are kept.

-- Leases have one index, which is written by claims alone; that of the time they end was written by every heartbeat, and
-- with it all others of the row. Who reaps looks through all leases, of which there is one a worker.
DROP INDEX jobs_lease;

-- An expression of the query that calls it, not a call.
CREATE OR REPLACE FUNCTION config_json(c configurations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('precision', c.precision, 'weights', c.weight_type, 'template', c.template,
        'profile', c.profile, 'shots', c.shots, 'limit', c.sample_limit, 'seed', c.seed)
$$;

DROP FUNCTION claim_job(uuid, integer, bigint, integer, integer, integer, text, text[]);
DROP FUNCTION finish_and_claim(uuid, bigint, integer, uuid, text, integer, bigint, integer, integer, integer, text, text[]);
DROP FUNCTION take_job(uuid, integer, machine, bigint, settings, boolean);
DROP FUNCTION finish_attempt(uuid, bigint, integer, uuid, text, settings);

-- ---- claiming ----

-- A job as the worker that holds it is told of it; after a turn, with what became of the one before.
CREATE TYPE claimed AS (answer text, job_id bigint, attempt integer, epoch uuid, purpose text, revision_id bigint, model text,
    kind text, commit text, task text, task_version integer, task_sha256 text, config jsonb, config_id bigint, manifest jsonb);

-- Leases a job that this transaction has locked: a new attempt, or the one that the worker holds already.
CREATE FUNCTION lease_job(w uuid, jid bigint, fresh boolean, lease integer, its_epoch uuid) RETURNS claimed
LANGUAGE plpgsql AS $$
DECLARE c claimed;
BEGIN
    WITH j AS (
        UPDATE jobs SET state = 'leased', attempt = jobs.attempt + fresh::integer, lease_owner = w, lease_s = lease,
            progress = CASE WHEN fresh THEN 0 ELSE jobs.progress END,
            lease_until = clock_timestamp() + make_interval(secs => lease)
            WHERE jobs.job_id = jid AND (fresh OR jobs.lease_owner IS NOT DISTINCT FROM w)
            RETURNING jobs.job_id, jobs.attempt, jobs.purpose, jobs.revision_id, jobs.task_id, jobs.config_id),
    a AS (INSERT INTO attempts (job_id, attempt, worker_id) SELECT j.job_id, j.attempt, w FROM j WHERE fresh)
    SELECT NULL, j.job_id, j.attempt, its_epoch, j.purpose, j.revision_id, m.name, m.kind, r.commit, t.name, t.version,
        t.sha256::text, config_json(k), j.config_id, r.manifest INTO c
        FROM j JOIN revisions r ON r.revision_id = j.revision_id JOIN models m ON m.model_id = r.model_id
        JOIN tasks t ON t.task_id = j.task_id JOIN configurations k ON k.config_id = j.config_id;
    RETURN c;
END $$;

-- Leases the next job to this worker; or what it holds already, which is a lease whose reply it never got. `free`: it has
-- just finished the one that it had, so there is none to look for. A worker that calls twice at once is served in turn.
CREATE FUNCTION take_job(w uuid, lease integer, m machine, resident bigint, free boolean) RETURNS claimed LANGUAGE plpgsql AS $$
DECLARE
    c claimed; picked bigint; around record;
    moment timestamptz := clock_timestamp(); -- a volatile function in a condition would not use the index
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    IF NOT free THEN
        PERFORM 1 FROM workers WHERE worker_id = w FOR NO KEY UPDATE;
        SELECT job_id INTO picked FROM jobs WHERE state = 'leased' AND lease_owner = w LIMIT 1;
    END IF;
    -- One look at all that comes before the queue itself: the entries are read before the queue is.
    SELECT x AS s, k.last_seen AS seen, EXISTS (SELECT 1 FROM jobs WHERE state = 'waiting' AND run_at <= moment) AS due,
            q.last_value AS entries INTO around
        FROM settings x CROSS JOIN queue_entries q LEFT JOIN workers k ON k.worker_id = w AND k.stopped_at IS NULL;
    IF around.seen IS NULL THEN
        RAISE EXCEPTION 'worker % is not registered', w USING ERRCODE = 'ZA002';
    END IF;
    IF around.seen < moment - interval '5 s' THEN
        UPDATE workers SET last_seen = moment WHERE worker_id = w;
    END IF;
    IF picked IS NOT NULL THEN
        c := lease_job(w, picked, false, lease, (around.s).epoch);
        IF c.job_id IS NOT NULL THEN
            RETURN c;
        END IF;
    END IF;
    IF around.due THEN
        around.entries := promote(moment);
    END IF;
    picked := pick_job(m, resident, around.s, around.entries::text);
    IF picked IS NOT NULL THEN
        c := lease_job(w, picked, true, lease, (around.s).epoch);
    END IF;
    RETURN c;
END $$;

-- One row or none.
CREATE FUNCTION claim_job(w uuid, lease integer, resident bigint, memory_mb integer, disk_mb integer, gpus integer, device text,
    dtypes text[]) RETURNS SETOF claimed
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE c claimed;
BEGIN
    c := take_job(w, lease, ROW(memory_mb, disk_mb, gpus, device, dtypes)::machine, resident, false);
    IF c.job_id IS NOT NULL THEN
        RETURN NEXT c;
    END IF;
END $$;

-- ok, cancel (ok, and the job is to be given up) or stale. It writes no index.
CREATE OR REPLACE FUNCTION heartbeat(w uuid, jid bigint, att integer, lease integer, done real) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE cancelled boolean;
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    UPDATE workers SET last_seen = clock_timestamp()
        WHERE worker_id = w AND last_seen < clock_timestamp() - interval '5 s';
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => lease), lease_s = lease,
        progress = least(greatest(done, 0), 1)
        WHERE job_id = jid AND attempt = att AND state::text = 'leased' AND lease_owner IS NOT DISTINCT FROM w
        RETURNING cancel_requested INTO cancelled;
    RETURN CASE WHEN NOT FOUND THEN 'stale' WHEN cancelled THEN 'cancel' ELSE 'ok' END;
END $$;

-- ---- finishing ----

-- A run with its numbers, from a record (db.h describes it): its id. `text_of` is the record's exact bytes, `sha` their hash.
CREATE OR REPLACE FUNCTION store_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
    began timestamptz, text_of text, sha text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rec jsonb := text_of::jsonb; audit jsonb := coalesce(rec -> 'audit', '{}'); n_all bigint := coalesce((rec ->> 'n')::bigint, 0);
    build text := rec ->> 'harness_build'; its_main text := rec ->> 'main'; rid bigint := nextval('runs_run_id_seq');
    expected text; has_main boolean; bad boolean; has_chunks boolean; chunks integer := 0; locked text; nth integer;
BEGIN
    SELECT sha256, EXISTS (SELECT 1 FROM sample_chunks c WHERE c.set_id = sid) INTO STRICT expected, has_chunks
        FROM tasks WHERE task_id = task;
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
                OR n_all < 0 OR octet_length(build) NOT BETWEEN 1 AND 200 OR why NOT IN ('eval', 'canary', 'reproduce') AS bad FROM m),
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
        INSERT INTO standing_runs SELECT rev, task, config, rid FROM run WHERE why = 'eval'
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

-- Stores the run of an attempt and sets the job done. Whoever holds the lease is known by its one row; all others go the
-- long way, which says why. That row is found by its key: the state is compared as text so that no plan goes by the index
-- of leases by worker, which is long while a snapshot is open.
CREATE FUNCTION finish_attempt(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    j jobs; r runs; was job_state := 'leased'; sha text := encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    rev bigint; task bigint; config bigint; why text; sid bigint; began timestamptz; run bigint;
BEGIN
    WITH ended AS (
        UPDATE jobs SET state = 'done', lease_owner = NULL, lease_until = NULL, record_sha256 = sha, progress = 1,
            finished_at = clock_timestamp(), error_class = NULL, error = NULL FROM settings x
            WHERE job_id = jid AND jobs.attempt = att AND lease_owner IS NOT DISTINCT FROM w AND state::text = 'leased'
                AND x.epoch = its_epoch
            RETURNING jobs.revision_id, jobs.task_id, jobs.config_id, jobs.purpose, jobs.set_id),
    told AS (
        UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'ok', error_class = NULL, error = NULL FROM ended
            WHERE a.job_id = jid AND a.attempt = att RETURNING a.started_at)
    SELECT ended.*, told.started_at INTO rev, task, config, why, sid, began FROM ended LEFT JOIN told ON true;
    IF NOT FOUND THEN
        SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
        IF NOT FOUND THEN
            RETURN 'gone';
        END IF;
        SELECT * INTO r FROM runs WHERE job_id = jid AND attempt = att;
        IF FOUND THEN
            RETURN CASE WHEN r.worker_id = w AND r.record_sha256 = sha THEN 'already' ELSE 'stale' END;
        END IF;
        IF NOT holds_attempt(j, att, w) OR its_epoch IS DISTINCT FROM (SELECT epoch FROM settings) THEN
            RETURN 'stale';
        END IF;
        was := j.state; rev := j.revision_id; task := j.task_id; config := j.config_id; why := j.purpose; sid := j.set_id;
        UPDATE jobs SET state = 'done', lease_owner = NULL, lease_until = NULL, record_sha256 = sha, progress = 1,
            finished_at = clock_timestamp(), error_class = NULL, error = NULL WHERE job_id = jid;
        UPDATE attempts SET ended_at = clock_timestamp(), outcome = 'ok', error_class = NULL, error = NULL
            WHERE job_id = jid AND attempt = att RETURNING started_at INTO began;
    END IF;
    run := store_run(rev, task, config, why, jid, att, w, sid, began, text_of, sha);
    RETURN CASE was WHEN 'leased' THEN 'ok' ELSE 'ok-late' END;
END $$;

CREATE OR REPLACE FUNCTION finish_job(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
    RETURN finish_attempt(w, jid, att, its_epoch, text_of);
END $$;

-- Both at once: one row, whose job is NULL where there is none. Told twice, as after a lost reply, it answers already
-- and the job that was taken the first time.
CREATE FUNCTION finish_and_claim(w uuid, jid bigint, att integer, its_epoch uuid, text_of text, lease integer, resident bigint,
    memory_mb integer, disk_mb integer, gpus integer, device text, dtypes text[]) RETURNS SETOF claimed
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE c claimed; said text := finish_attempt(w, jid, att, its_epoch, text_of);
BEGIN
    c := take_job(w, lease, ROW(memory_mb, disk_mb, gpus, device, dtypes)::machine, resident, said = 'ok');
    c.answer := said;
    RETURN NEXT c;
END $$;

-- What else a worker calls while it works keeps its plans as well.
ALTER FUNCTION put_chunk(uuid, bigint, integer, integer, integer, text, text, bytea) SET enable_seqscan = off;
ALTER FUNCTION get_chunks(uuid, bigint, integer) SET enable_seqscan = off;
ALTER FUNCTION fail_job(uuid, bigint, integer, text, text, text, double precision, integer) SET enable_seqscan = off;

REVOKE ALL ON FUNCTION lease_job, take_job, claim_job, finish_attempt, finish_and_claim FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT EXECUTE ON FUNCTION lease_job, take_job, claim_job, finish_attempt, finish_and_claim TO assay_owner;
        GRANT EXECUTE ON FUNCTION claim_job, finish_and_claim TO assay_worker;
    END IF;
END $$;
