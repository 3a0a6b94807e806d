-- Turns with half the work: what finishes a job is two statements, what claims one is four, each as large as it can be, as
-- beginning and ending a statement costs more than most of what they do.
--
-- All of them look rows up by key, whatever the planner thinks of it: a worker's plans are made when it makes its first
-- turn, of tables that may be empty then, and a scan of all runs is cheap as long as there are none. So sequential scans
-- are off where plans are kept.

-- Leases have one index, which is written by claims alone; that of the time they end was written by every heartbeat, and
-- with it all others of the row. Who reaps looks through all leases, of which there is one a worker.
DROP INDEX jobs_lease;

-- What a worker has loaded stands with the worker: a look through the leases reads all that ended while a snapshot is open.
ALTER TABLE workers ADD COLUMN revision_id bigint REFERENCES revisions ON DELETE SET NULL;
CREATE INDEX workers_there ON workers (worker_id) WHERE stopped_at IS NULL;

-- A CHECK of a table is parsed anew by every statement that writes there, six times a turn for the three of jobs. What ties
-- a job's fields to its state stands in a trigger, whose function is kept; those of a run's parts in store_run, which
-- alone writes them, beside those that 012 put there. That a number is one is still the table's own affair.
ALTER TABLE jobs DROP CONSTRAINT jobs_lease_while_leased, DROP CONSTRAINT jobs_finished_when_final,
    DROP CONSTRAINT jobs_record_when_done;
CREATE FUNCTION refuse_unsound_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'leased') = (NEW.lease_owner IS NOT NULL) AND (NEW.state = 'leased') = (NEW.lease_until IS NOT NULL)
        AND (NEW.state IN ('done', 'dead', 'cancelled')) = (NEW.finished_at IS NOT NULL)
        AND (NEW.state = 'done') = (NEW.record_sha256 IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'job % is % without what belongs to that, or with what does not', NEW.job_id, NEW.state
        USING ERRCODE = '23514', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER jobs_fields_fit_state BEFORE INSERT OR UPDATE OF state, lease_owner, lease_until, finished_at, record_sha256
    ON jobs FOR EACH ROW EXECUTE FUNCTION refuse_unsound_job();
-- In PostgreSQL NaN equals NaN and is greater than infinity. (A run's numbers are never updated.)
ALTER TABLE results DROP CONSTRAINT results_value_finite, DROP CONSTRAINT results_stderr_finite,
    DROP CONSTRAINT results_low_finite, DROP CONSTRAINT results_high_finite;
CREATE FUNCTION refuse_no_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF abs(NEW.value) < 'Infinity' AND abs(coalesce(NEW.stderr, 0)) < 'Infinity' AND abs(coalesce(NEW.low, 0)) < 'Infinity'
        AND abs(coalesce(NEW.high, 0)) < 'Infinity' OR NEW.value IS NULL THEN -- which the column refuses
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'new row for "results" violates "%"', TG_NAME USING ERRCODE = '23514', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER results_are_finite BEFORE INSERT ON results FOR EACH ROW EXECUTE FUNCTION refuse_no_number();
ALTER TABLE attempts DROP CONSTRAINT attempts_log_short;
CREATE TRIGGER attempts_log_short BEFORE UPDATE OF log ON attempts FOR EACH ROW
    WHEN (octet_length(NEW.log) > 65536) EXECUTE FUNCTION refuse_value();
ALTER TABLE runs DROP CONSTRAINT runs_seconds_finite, DROP CONSTRAINT runs_job_and_attempt, DROP CONSTRAINT runs_record_small;

-- Going character by character, translate() took longer than all indexes of a turn. What is no hexadecimal digit at all
-- is refused by decode(). It says the same as before, so that no row need be looked at.
ALTER DOMAIN hash256 DROP CONSTRAINT hash256_is_hex;
ALTER DOMAIN hash256 ADD CONSTRAINT hash256_is_hex CHECK (octet_length(VALUE) = 64 AND encode(decode(VALUE, 'hex'), 'hex') = VALUE) NOT VALID;

-- An expression of the query that calls it, not a call.
CREATE OR REPLACE FUNCTION config_json(c configurations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('precision', c.precision, 'weights', c.weight_type, 'template', c.template,
        'profile', c.profile, 'shots', c.shots, 'limit', c.sample_limit, 'seed', c.seed)
$$;

DROP FUNCTION claim_job(uuid, integer, bigint, integer, integer, integer, text, text[]);
DROP FUNCTION finish_and_claim(uuid, bigint, integer, uuid, text, integer, bigint, integer, integer, integer, text, text[]);
DROP FUNCTION take_job(uuid, integer, machine, bigint, settings, boolean);
DROP FUNCTION pick_job(machine, bigint, settings, text);
DROP FUNCTION store_run(bigint, bigint, bigint, text, bigint, integer, uuid, bigint, timestamptz, text, text);
DROP FUNCTION finish_attempt(uuid, bigint, integer, uuid, text, settings);

-- ---- claiming ----

-- The first of the queue that a worker could do.
CREATE TYPE queue_head AS (job_id bigint, priority smallint, turn bigint, queued_at timestamptz);

-- A job as the worker that holds it is told of it; after a turn, with what became of the one before.
CREATE TYPE claimed AS (answer text, job_id bigint, attempt integer, epoch uuid, purpose text, revision_id bigint, model text,
    kind text, commit text, task text, task_version integer, task_sha256 text, config jsonb, config_id bigint, manifest jsonb);

-- A job that this transaction has locked, leased: as a new attempt, or the one that the worker holds already.
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

-- The window: of the first hundred from the head on, the one that no other worker has the model of, locked; NULL where
-- others took them all. The worker will have loaded it. MATERIALIZED: a window that a nested loop ran again could come out differently.
CREATE FUNCTION pick_beyond(w uuid, m machine, head queue_head, s settings) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE ids bigint[]; id bigint; picked bigint; moment timestamptz := clock_timestamp();
BEGIN
    WITH near AS MATERIALIZED (
        SELECT job_id, priority, turn, revision_id, queued_at FROM jobs
        WHERE state = 'queued' AND (priority, turn, job_id) >= (head.priority, head.turn, head.job_id)
            AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
            AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
            AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
            AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
        ORDER BY priority, turn, job_id LIMIT 100),
    busy AS MATERIALIZED (SELECT revision_id FROM workers
        WHERE stopped_at IS NULL AND last_seen > moment - interval '3 min' AND revision_id IS NOT NULL AND worker_id <> w)
    SELECT array_agg(job_id ORDER BY near.priority,
        near.queued_at > head.queued_at + make_interval(secs => s.affinity_s) OR near.turn > head.turn + s.affinity_turns,
        near.revision_id IN (SELECT revision_id FROM busy), near.turn, near.job_id) INTO ids FROM near;
    FOREACH id IN ARRAY coalesce(ids, '{}') LOOP
        SELECT job_id INTO picked FROM jobs WHERE job_id = id AND state = 'queued' FOR UPDATE SKIP LOCKED;
        EXIT WHEN FOUND;
    END LOOP;
    IF picked IS NULL THEN -- the whole window went to others meanwhile
        SELECT job_id INTO picked FROM jobs
            WHERE state = 'queued' AND (priority, turn, job_id) >= (head.priority, head.turn, head.job_id)
                AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
                AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
                AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
                AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
            ORDER BY priority, turn, job_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
    UPDATE workers SET revision_id = j.revision_id FROM jobs j WHERE worker_id = w AND j.job_id = picked;
    RETURN picked;
END $$;

-- Leases the next job to this worker, by priority, then by turn; or what it holds already, which is a lease whose reply it
-- never got. A job of the model that the worker has loaded comes before others of its priority, as long as it was not
-- queued settings.affinity_s later than the first, nor has a turn settings.affinity_turns later. A worker that must load
-- another model anyway takes one that no other is busy with. `free`: it has just finished the one that it had, so there
-- is none to look for. A worker that calls twice at once is served in turn.
CREATE FUNCTION take_job(w uuid, lease integer, m machine, resident bigint, free boolean) RETURNS claimed LANGUAGE plpgsql AS $$
DECLARE
    c claimed; picked bigint; around record; head queue_head; s settings; entries bigint; ignored text; machine text := m::text;
    f text[]; fp smallint := -1; ft bigint := 0; fj bigint := 0; until text;
    promoted boolean := false;
    moment timestamptz := clock_timestamp(); -- a volatile function in a condition would not use the index
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    IF NOT free THEN
        PERFORM 1 FROM workers WHERE worker_id = w FOR NO KEY UPDATE;
        SELECT job_id INTO picked FROM jobs WHERE state = 'leased' AND lease_owner = w LIMIT 1;
    END IF;
    LOOP
        -- The floor: what came below it since has raised queue_entries, which are read before the queue is; and ten seconds
        -- after it was found this session looks from the start in any case, as they are raised before their transaction commits.
        entries := coalesce(pg_sequence_last_value('queue_entries'), 0);
        f := string_to_array(current_setting('assay.floor', true), '|');
        fp := -1; until := NULL;
        IF f[1] = entries::text AND f[3] = machine AND f[2]::timestamptz > moment THEN
            fp := f[4]; ft := f[5]; fj := f[6]; until := f[2];
        END IF;
        -- One look at all that a claim needs to know.
        SELECT x AS s, k.last_seen AS seen, EXISTS (SELECT 1 FROM jobs WHERE state = 'waiting' AND run_at <= moment) AS due,
                h.job_id, h.priority, h.turn, h.queued_at INTO around
            FROM settings x LEFT JOIN workers k ON k.worker_id = w AND k.stopped_at IS NULL LEFT JOIN LATERAL (
                SELECT job_id, priority, turn, queued_at FROM jobs
                WHERE state = 'queued' AND (priority, turn, job_id) >= (fp, ft, fj)
                    AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
                    AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
                    AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
                    AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
                ORDER BY priority, turn, job_id LIMIT 1) h ON true;
        s := around.s;
        IF around.seen IS NULL THEN
            RAISE EXCEPTION 'worker % is not registered', w USING ERRCODE = 'ZA002';
        ELSIF around.seen < moment - interval '5 s' THEN
            UPDATE workers SET last_seen = moment WHERE worker_id = w;
        END IF;
        IF picked IS NOT NULL THEN
            c := lease_job(w, picked, false, lease, s.epoch);
            IF c.job_id IS NOT NULL THEN
                RETURN c;
            END IF;
            picked := NULL; -- it was reaped just now
        END IF;
        EXIT WHEN (promoted OR NOT around.due) AND (around.job_id IS NOT NULL OR fp < 0);
        IF around.due AND NOT promoted THEN -- some: the rest is left to who comes next
            promoted := promote(moment) IS NOT NULL;
        ELSE
            ignored := set_config('assay.floor', '', false);
        END IF;
    END LOOP;
    IF around.job_id IS NULL THEN
        RETURN NULL;
    END IF;
    head := ROW(around.job_id, around.priority, around.turn, around.queued_at)::queue_head;
    ignored := set_config('assay.floor', concat_ws('|', entries, coalesce(until, (moment + interval '10 s')::text), machine,
        head.priority, head.turn, head.job_id), false);
    SELECT job_id INTO picked FROM jobs
        WHERE state = 'queued' AND revision_id = resident AND priority = head.priority
            AND turn <= head.turn + s.affinity_turns AND queued_at <= head.queued_at + make_interval(secs => s.affinity_s)
            AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
            AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
            AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
            AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
        ORDER BY priority, turn, job_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    picked := coalesce(picked, pick_beyond(w, m, head, s));
    RETURN CASE WHEN picked IS NOT NULL THEN lease_job(w, picked, true, lease, s.epoch) END;
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

-- ok, cancel (ok, and the job is to be given up) or stale. It writes no index, and takes the job before the worker, as a turn does.
CREATE OR REPLACE FUNCTION heartbeat(w uuid, jid bigint, att integer, lease integer, done real) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE cancelled boolean; answer text;
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => lease), lease_s = lease,
        progress = least(greatest(done, 0), 1)
        WHERE job_id = jid AND attempt = att AND state::text = 'leased' AND lease_owner IS NOT DISTINCT FROM w
        RETURNING cancel_requested INTO cancelled;
    answer := CASE WHEN NOT FOUND THEN 'stale' WHEN cancelled THEN 'cancel' ELSE 'ok' END;
    UPDATE workers SET last_seen = clock_timestamp()
        WHERE worker_id = w AND last_seen < clock_timestamp() - interval '5 s';
    RETURN answer;
END $$;

-- ---- finishing ----

-- A run with its numbers, from a record (db.h describes it): its id. `text_of` is the record's exact bytes, `sha` their hash;
-- `expected` is the task's hash, `has_chunks` whether samples are stored.
CREATE FUNCTION store_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
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
                OR n_all < 0 OR octet_length(build) NOT BETWEEN 1 AND 200 OR why NOT IN ('eval', 'canary', 'reproduce')
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

CREATE OR REPLACE FUNCTION put_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
    began timestamptz, text_of text) RETURNS runs LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE r runs; rid bigint;
BEGIN
    SELECT store_run(rev, task, config, why, jid, att, w, sid, began, text_of, encode(sha256(convert_to(text_of, 'UTF8')), 'hex'),
        t.sha256, EXISTS (SELECT 1 FROM sample_chunks c WHERE c.set_id = sid)) INTO STRICT rid FROM tasks t WHERE t.task_id = task;
    SELECT * INTO STRICT r FROM runs WHERE run_id = rid;
    RETURN r;
END $$;

-- Stores the run of an attempt and sets the job done. Whoever holds the lease is known by its one row; all others go the
-- long way, which says why. That row is found by its key: the state is compared as text so that no plan goes by the index
-- of leases by worker, which is long while a snapshot is open.
CREATE FUNCTION finish_attempt(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    j jobs; r runs; was job_state := 'leased'; sha text := encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    rev bigint; task bigint; config bigint; why text; sid bigint; began timestamptz; run bigint;
    expected text; has_chunks boolean;
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
    SELECT ended.*, told.started_at, t.sha256, EXISTS (SELECT 1 FROM sample_chunks c WHERE c.set_id = ended.set_id)
        INTO rev, task, config, why, sid, began, expected, has_chunks
        FROM ended JOIN tasks t ON t.task_id = ended.task_id LEFT JOIN told ON true;
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
        SELECT t.sha256, EXISTS (SELECT 1 FROM sample_chunks c WHERE c.set_id = sid) INTO STRICT expected, has_chunks
            FROM tasks t WHERE t.task_id = task;
    END IF;
    run := store_run(rev, task, config, why, jid, att, w, sid, began, text_of, sha, expected, has_chunks);
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

-- ---- what is shown ----

-- With the turn, so that a list is in the order of claims.
CREATE OR REPLACE VIEW site_queue AS
    SELECT j.job_id, m.name AS model, v.commit AS revision, t.name AS task, j.state, j.priority, j.attempt, j.progress,
        j.error_class, j.error, j.purpose, j.created_at, j.queued_at, CASE WHEN isfinite(j.run_at) THEN j.run_at END AS run_at,
        j.finished_at, t.paused_at IS NOT NULL AS paused, j.turn
    FROM jobs j JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id);

-- What else a worker calls while it works keeps its plans as well.
ALTER FUNCTION put_chunk(uuid, bigint, integer, integer, integer, text, text, bytea) SET enable_seqscan = off;
ALTER FUNCTION get_chunks(uuid, bigint, integer) SET enable_seqscan = off;
ALTER FUNCTION fail_job(uuid, bigint, integer, text, text, text, double precision, integer) SET enable_seqscan = off;

REVOKE ALL ON FUNCTION lease_job, pick_beyond, take_job, claim_job, store_run, finish_attempt, finish_and_claim,
    refuse_unsound_job, refuse_no_number FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT EXECUTE ON FUNCTION lease_job, pick_beyond, take_job, claim_job, store_run, finish_attempt,
            finish_and_claim, refuse_unsound_job, refuse_no_number TO assay_owner;
        GRANT EXECUTE ON FUNCTION claim_job, finish_and_claim TO assay_worker;
    END IF;
END $$;
