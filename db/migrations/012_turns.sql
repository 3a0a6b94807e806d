-- The queue, fair and quick.
--
-- Fair: jobs of one priority stand by their turn. A submitter's jobs get turns one after the other, from the turn that is
-- being served on, so that who submits ten jobs behind somebody's ten thousand is served between them. Who waits long
-- rises, a priority every settings.ageing_s. A worker is given what it can run: memory, disk, GPUs, device, dtype.
--
-- Quick: a worker hands in a result and takes the next job in one transaction (finish_and_claim), which is one wait for
-- the disk instead of two. A claim begins to look where this session's last one found the queue's head (the floor), as
-- what is in front of it is dead, and while somebody's snapshot is open, dead entries of the index cannot be removed.
-- What is called at each turn is PL/pgSQL, whose plans are kept; functions in SQL are planned at every call.

-- Looked at five times a turn: without a regular expression.
ALTER DOMAIN hash256 DROP CONSTRAINT hash256_is_hex;
ALTER DOMAIN hash256 ADD CONSTRAINT hash256_is_hex CHECK (octet_length(VALUE) = 64 AND translate(VALUE, '0123456789abcdef', '') = '');

ALTER TABLE settings
    ADD COLUMN ageing_s double precision NOT NULL DEFAULT 3600,     -- a job that waited so long rises by one priority
    ADD COLUMN affinity_turns integer NOT NULL DEFAULT 32,          -- nor by one whose turn is so much later
    ADD CONSTRAINT settings_turns_sane CHECK (ageing_s > 0 AND affinity_turns >= 0);

ALTER TABLE jobs
    ADD COLUMN turn bigint NOT NULL DEFAULT 0,
    ADD COLUMN aged_at timestamptz,
    ADD COLUMN needs_disk_mb integer NOT NULL DEFAULT 0,
    ADD COLUMN needs_gpus smallint NOT NULL DEFAULT 0,
    ADD COLUMN needs_device text, -- cpu, cuda; NULL: any
    ADD COLUMN needs_dtype text; -- bf16, int8, ...; NULL: any
-- Of what every claim and every result wrote into, an index less of runs (runs_identity begins as it did), and one of
-- jobs by task that holds but what is asked of it.
DROP INDEX runs_newest;
DROP INDEX jobs_task;
CREATE INDEX jobs_dead ON jobs (task_id) WHERE state = 'dead';
-- A unique index would look through all entries of its worker, dead ones too, whenever that claims.
DROP INDEX jobs_one_lease_each;
CREATE INDEX jobs_of_worker ON jobs (lease_owner) WHERE state = 'leased';
DROP INDEX jobs_claim;
CREATE INDEX jobs_claim ON jobs (priority, turn, job_id) WHERE state = 'queued';
CREATE INDEX jobs_of_model ON jobs (revision_id, priority, turn, job_id) WHERE state = 'queued';
ALTER TABLE attempts SET (fillfactor = 70); -- each is written twice, the second time on the same page

CREATE TABLE submitter_turns (
    submitter text NOT NULL,
    priority smallint NOT NULL,
    turn bigint NOT NULL, -- the last that was given out
    PRIMARY KEY (submitter, priority)
) WITH (fillfactor = 70);

-- A foreign key looks up what it points to under a share lock at every write: eleven times a turn, which made lists of
-- lockers (multixacts) of rows that all workers share, and took a third of its time. Those that are written by queue
-- functions alone, which have just read what they point to, are kept otherwise: what they point to is never deleted.
ALTER TABLE jobs DROP CONSTRAINT jobs_lease_owner_fkey;
ALTER TABLE attempts DROP CONSTRAINT attempts_job_id_fkey, DROP CONSTRAINT attempts_worker_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_revision_id_fkey, DROP CONSTRAINT runs_task_id_fkey, DROP CONSTRAINT runs_config_id_fkey,
    DROP CONSTRAINT runs_job_id_fkey, DROP CONSTRAINT runs_worker_id_fkey;
ALTER TABLE results DROP CONSTRAINT results_run_id_fkey;
ALTER TABLE standing_runs DROP CONSTRAINT standing_runs_run_id_fkey;
CREATE FUNCTION refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never deleted: others point to them', TG_TABLE_NAME USING ERRCODE = 'ZA003';
END $$;
CREATE TRIGGER revisions_stay BEFORE DELETE ON revisions FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER tasks_stay BEFORE DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER configurations_stay BEFORE DELETE ON configurations FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER workers_stay BEFORE DELETE ON workers FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER jobs_stay BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER runs_stay BEFORE DELETE ON runs FOR EACH ROW EXECUTE FUNCTION refuse_deletion();

-- CHECKs are read anew by every statement that writes a row. Those of columns that a turn doesn't write stand in triggers
-- that only those see who write them; those of a run's parts in store_run and an error's length in fail_job, which alone
-- write them. That a number is one is still the table's own.
ALTER TABLE jobs DROP CONSTRAINT jobs_purpose, DROP CONSTRAINT jobs_priority, DROP CONSTRAINT jobs_needs,
    DROP CONSTRAINT jobs_error_class_short, DROP CONSTRAINT jobs_error_short;
CREATE FUNCTION refuse_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'new row for "%" violates "%"', TG_TABLE_NAME, TG_NAME USING ERRCODE = '23514', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER jobs_bounds BEFORE INSERT OR UPDATE OF purpose, priority, needs_mb, needs_disk_mb, needs_gpus, needs_device,
    needs_dtype ON jobs FOR EACH ROW WHEN (NEW.purpose NOT IN ('eval', 'canary', 'reproduce') OR NEW.priority NOT BETWEEN 0 AND 9
        OR least(NEW.needs_mb, NEW.needs_disk_mb, NEW.needs_gpus) < 0 OR octet_length(NEW.needs_device) > 40
        OR octet_length(NEW.needs_dtype) > 40) EXECUTE FUNCTION refuse_value();

ALTER TABLE runs DROP CONSTRAINT runs_superseded_why_short, DROP CONSTRAINT runs_build_length, DROP CONSTRAINT runs_ordinal,
    DROP CONSTRAINT runs_purpose, DROP CONSTRAINT runs_main_length, DROP CONSTRAINT runs_n, DROP CONSTRAINT runs_chunks;
ALTER TABLE results DROP CONSTRAINT results_subset_short, DROP CONSTRAINT results_metric_length, DROP CONSTRAINT results_n;
CREATE DOMAIN attempt_outcome AS text CONSTRAINT attempts_outcome
    CHECK (VALUE IN ('ok', 'failed', 'crashed', 'lost', 'released', 'cancelled'));
ALTER TABLE attempts DROP CONSTRAINT attempts_outcome, DROP CONSTRAINT attempts_error_class_short,
    DROP CONSTRAINT attempts_error_short, ALTER outcome TYPE attempt_outcome;
CREATE TRIGGER runs_superseded_why_short BEFORE UPDATE OF superseded_why ON runs FOR EACH ROW
    WHEN (octet_length(NEW.superseded_why) > 1000) EXECUTE FUNCTION refuse_value();

-- Raised by everything that puts jobs into the queue or moves them there: whoever kept a floor looks from the start again.
CREATE SEQUENCE queue_entries;
CREATE FUNCTION raise_entries() RETURNS trigger LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
BEGIN
    PERFORM nextval('queue_entries');
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_enter AFTER INSERT OR UPDATE OF priority, turn, needs_mb, needs_disk_mb, needs_gpus, needs_device, needs_dtype
    ON jobs FOR EACH STATEMENT EXECUTE FUNCTION raise_entries();

-- ---- submitting ----

-- n turns for a submitter: behind its own last one, and not in front of the one that is served now.
CREATE FUNCTION take_turns(who text, prio integer, n integer) RETURNS bigint LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE served bigint; last bigint;
BEGIN
    SELECT turn INTO served FROM jobs WHERE state = 'queued' AND priority = prio ORDER BY priority, turn, job_id LIMIT 1;
    IF served IS NULL THEN
        SELECT coalesce(max(turn), 0) INTO served FROM submitter_turns WHERE priority = prio;
    END IF;
    INSERT INTO submitter_turns AS t VALUES (who, prio, served + n)
        ON CONFLICT (submitter, priority) DO UPDATE SET turn = greatest(t.turn, served) + n RETURNING t.turn - n INTO last;
    RETURN last;
END $$;

-- What a job needs of a machine: {"memory_mb", "disk_mb", "gpus", "device", "dtype"}, all optional.
DROP FUNCTION put_job(bigint, bigint, bigint, integer, integer);
CREATE FUNCTION put_job(rev bigint, task bigint, config bigint, prio integer, its_turn bigint, needs jsonb, OUT id bigint,
    OUT created boolean) LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE held boolean;
BEGIN
    SELECT paused_at IS NOT NULL INTO STRICT held FROM tasks WHERE task_id = task;
    INSERT INTO jobs (revision_id, task_id, config_id, priority, turn, needs_mb, needs_disk_mb, needs_gpus, needs_device,
            needs_dtype, state, run_at)
        VALUES (rev, task, config, prio, its_turn, coalesce((needs ->> 'memory_mb')::integer, 0),
            coalesce((needs ->> 'disk_mb')::integer, 0), coalesce((needs ->> 'gpus')::smallint, 0::smallint),
            needs ->> 'device', needs ->> 'dtype', (CASE WHEN held THEN 'waiting' ELSE 'queued' END)::job_state,
            CASE WHEN held THEN 'infinity' ELSE clock_timestamp() END)
        ON CONFLICT DO NOTHING RETURNING job_id INTO id;
    created := id IS NOT NULL;
    IF NOT created THEN -- the same again may only hurry it
        SELECT job_id INTO STRICT id FROM jobs WHERE (revision_id, task_id, config_id) = (rev, task, config);
        UPDATE jobs SET priority = prio, turn = CASE WHEN priority > prio THEN its_turn ELSE least(turn, its_turn) END
            WHERE job_id = id AND (priority, turn) > (prio, its_turn) AND priority >= prio AND state IN ('waiting', 'queued');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION submit(request jsonb)
RETURNS TABLE (submission_id bigint, created boolean, job_id bigint, task text, state job_state, job_created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE
    model jsonb := request -> 'model'; suite jsonb := request -> 'suite'; overrides jsonb := coalesce(request -> 'config', '{}');
    prio integer := coalesce((request ->> 'priority')::integer, 5);
    needs jsonb := coalesce(request -> 'needs', jsonb_build_object('memory_mb', request -> 'needs_mb'));
    who text := coalesce(clean_text(request ->> 'submitter', 50), ''); rev bigint; sid bigint; sub bigint; fresh boolean;
    asked text; t jsonb; made record; jid bigint[] := '{}'; jnew boolean[] := '{}'; its_turn bigint;
BEGIN
    IF who = '' OR jsonb_typeof(model) IS DISTINCT FROM 'object' OR jsonb_typeof(suite) IS DISTINCT FROM 'object'
        OR jsonb_typeof(suite -> 'tasks') IS DISTINCT FROM 'array' OR jsonb_typeof(needs) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a submission needs a submitter, a model and a suite with tasks' USING ERRCODE = 'ZA001';
    END IF;
    IF jsonb_array_length(suite -> 'tasks') NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'a suite has 1 to 10000 tasks' USING ERRCODE = 'ZA001';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(model ->> 'name' || '@' || (model ->> 'commit'), 1));
    rev := put_revision(model);
    sid := put_suite(suite);
    its_turn := take_turns(who, prio, jsonb_array_length(suite -> 'tasks'));
    FOR t IN SELECT * FROM jsonb_array_elements(suite -> 'tasks') LOOP
        CONTINUE WHEN coalesce((t ->> 'skip')::boolean, false); -- of the suite, but not to be asked of this model
        its_turn := its_turn + 1;
        SELECT * INTO made FROM put_job(rev, put_task(t), put_config(coalesce(t -> 'config', '{}') || overrides), prio,
            its_turn, needs);
        jid := jid || made.id;
        jnew := jnew || made.created;
    END LOOP;
    asked := encode(sha256(convert_to((SELECT string_agg(x::text, ',' ORDER BY x) FROM unnest(jid) x), 'UTF8')), 'hex');
    INSERT INTO submissions AS s (submitter, revision_id, requested, suite_id, request_sha256, priority)
        VALUES (who, rev, coalesce(clean_text(model ->> 'requested', 100), ''), sid, asked, prio)
        ON CONFLICT DO NOTHING RETURNING s.submission_id INTO sub;
    fresh := sub IS NOT NULL;
    IF fresh THEN
        INSERT INTO submission_jobs SELECT DISTINCT sub, x FROM unnest(jid) x;
        INSERT INTO events (kind, data) VALUES ('submit', jsonb_build_object('submission', sub, 'submitter', who,
            'model', model ->> 'name', 'suite', suite ->> 'name', 'jobs', cardinality(jid)));
    ELSE
        UPDATE submissions s SET cancelled_at = NULL
            WHERE (s.submitter, s.revision_id, s.suite_id, s.request_sha256) = (who, rev, sid, asked)
            RETURNING s.submission_id INTO STRICT sub;
    END IF;
    IF true = ANY (jnew) THEN
        NOTIFY assay_jobs; -- one a transaction, without a payload; workers poll besides
    ELSE -- nothing new: it costs its submitter no turns
        UPDATE submitter_turns x SET turn = turn - jsonb_array_length(suite -> 'tasks')
            WHERE (x.submitter, x.priority) = (who, prio);
    END IF;
    RETURN QUERY SELECT sub, fresh, j.job_id, k.name, j.state, x.is_new
        FROM unnest(jid, jnew) WITH ORDINALITY AS x (id, is_new, place)
        JOIN jobs j ON j.job_id = x.id JOIN tasks k USING (task_id) ORDER BY x.place;
END $$;

-- Jobs that another submission still wants go on; those that go give their submitter's turns back.
CREATE OR REPLACE FUNCTION cancel_submission(sub bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE n integer; gone submissions;
BEGIN
    UPDATE submissions SET cancelled_at = clock_timestamp() WHERE submission_id = sub AND cancelled_at IS NULL
        RETURNING * INTO gone;
    SELECT count(*) FILTER (WHERE cancel_job(o.job_id) IN ('cancelled', 'asked')) INTO n
    FROM (SELECT job_id FROM submission_jobs sj WHERE sj.submission_id = sub AND NOT EXISTS (
            SELECT 1 FROM submission_jobs k JOIN submissions s USING (submission_id)
            WHERE k.job_id = sj.job_id AND k.submission_id <> sub AND s.cancelled_at IS NULL)
        ORDER BY job_id) o;
    UPDATE submitter_turns SET turn = greatest(turn - n, 0) WHERE (submitter, priority) = (gone.submitter, gone.priority);
    RETURN n;
END $$;

-- ---- claiming ----

CREATE OR REPLACE FUNCTION config_json(c configurations) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('precision', c.precision, 'weights', c.weight_type, 'template', c.template,
        'profile', c.profile, 'shots', c.shots, 'limit', c.sample_limit, 'seed', c.seed);
END $$;

-- Due waiters join the queue, by whoever passes. Answers the queue's entries.
CREATE FUNCTION promote(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET state = 'queued', queued_at = clock_timestamp() WHERE job_id IN (
        SELECT job_id FROM jobs WHERE state = 'waiting' AND run_at <= moment ORDER BY run_at LIMIT 64 FOR UPDATE SKIP LOCKED);
    RETURN nextval('queue_entries');
END $$;

-- A worker's machine: what its jobs may need. NULL: it takes any.
CREATE TYPE machine AS (memory_mb integer, disk_mb integer, gpus integer, device text, dtypes text[]);

-- The next job for a worker, by priority, then by turn; it is locked by whoever gets it. A job of the model that the worker
-- has loaded comes before others of its priority, as long as it was not queued settings.affinity_s later than the first,
-- nor has a turn settings.affinity_turns later. A worker that must load another model anyway looks at a window of a hundred,
-- and takes one that no other worker is busy with.
DROP FUNCTION claim_job(uuid, integer, integer, bigint);
DROP FUNCTION pick_job(integer, bigint, double precision);
CREATE FUNCTION pick_job(m machine, resident bigint, s settings, entries text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    head record; ids bigint[]; picked bigint; id bigint;
    f text[] := string_to_array(current_setting('assay.floor', true), '|'); fp smallint := -1; ft bigint := 0; fj bigint := 0;
    until text; machine text := m::text; ignored text;
    moment timestamptz := clock_timestamp(); -- a volatile function in a condition would not use the index
BEGIN
    -- The floor: what came below it since has raised queue_entries, and ten seconds after it was found this session looks
    -- from the start in any case, as an entry is raised before its transaction commits.
    IF f[1] = entries AND f[3] = machine AND f[2]::timestamptz > moment THEN
        fp := f[4]; ft := f[5]; fj := f[6]; until := f[2];
    END IF;
    LOOP
        SELECT job_id, priority, turn, queued_at INTO head FROM jobs
            WHERE state = 'queued' AND (priority, turn, job_id) >= (fp, ft, fj)
            AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
            AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
            AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
            AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
            ORDER BY priority, turn, job_id LIMIT 1;
        EXIT WHEN FOUND OR fp < 0;
        fp := -1; until := NULL;
    END LOOP;
    IF head.job_id IS NULL THEN
        RETURN NULL;
    END IF;
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
    IF FOUND THEN
        RETURN picked;
    END IF;
    -- MATERIALIZED: a window that a nested loop ran again could come out differently.
    WITH near AS MATERIALIZED (
        SELECT job_id, priority, turn, revision_id, queued_at FROM jobs
        WHERE state = 'queued' AND (priority, turn, job_id) >= (head.priority, head.turn, head.job_id)
            AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
            AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
            AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
            AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
        ORDER BY priority, turn, job_id LIMIT 100),
    busy AS MATERIALIZED (SELECT DISTINCT revision_id FROM jobs WHERE state = 'leased' AND lease_until > moment)
    SELECT array_agg(job_id ORDER BY near.priority,
        near.queued_at > head.queued_at + make_interval(secs => s.affinity_s) OR near.turn > head.turn + s.affinity_turns,
        near.revision_id IN (SELECT revision_id FROM busy), near.turn, near.job_id) INTO ids FROM near;
    FOREACH id IN ARRAY coalesce(ids, '{}') LOOP
        SELECT job_id INTO picked FROM jobs WHERE job_id = id AND state = 'queued' FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            RETURN picked;
        END IF;
    END LOOP;
    -- The whole window went to others meanwhile.
    SELECT job_id INTO picked FROM jobs
        WHERE state = 'queued' AND (priority, turn, job_id) >= (head.priority, head.turn, head.job_id)
            AND (m.memory_mb IS NULL OR needs_mb <= m.memory_mb) AND (m.disk_mb IS NULL OR needs_disk_mb <= m.disk_mb)
            AND (m.gpus IS NULL OR needs_gpus <= m.gpus)
            AND (m.device IS NULL OR needs_device IS NULL OR needs_device = m.device)
            AND (m.dtypes IS NULL OR needs_dtype IS NULL OR needs_dtype = ANY (m.dtypes))
        ORDER BY priority, turn, job_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    RETURN picked;
END $$;

-- Leases the next job to this worker; or what it holds already, which is a lease whose reply it never got. `free`: it has
-- just finished the one that it had, so there is none to look for. A worker that calls twice at once is served in turn.
CREATE FUNCTION take_job(w uuid, lease integer, m machine, resident bigint, s settings, free boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE picked bigint; seen timestamptz; due boolean; entries bigint; moment timestamptz := clock_timestamp(); att integer;
BEGIN
    IF lease NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a lease is 1 to 3600 seconds, not %', lease USING ERRCODE = 'ZA001';
    END IF;
    IF NOT free THEN
        PERFORM 1 FROM workers WHERE worker_id = w FOR NO KEY UPDATE;
        SELECT job_id INTO picked FROM jobs WHERE state = 'leased' AND lease_owner = w LIMIT 1;
    END IF;
    -- One look at all that comes before the queue itself: the entries are read before the queue is.
    SELECT (SELECT last_seen FROM workers WHERE worker_id = w AND stopped_at IS NULL),
        EXISTS (SELECT 1 FROM jobs WHERE state = 'waiting' AND run_at <= moment), (SELECT last_value FROM queue_entries)
        INTO seen, due, entries;
    IF seen IS NULL THEN
        RAISE EXCEPTION 'worker % is not registered', w USING ERRCODE = 'ZA002';
    END IF;
    IF seen < moment - interval '5 s' THEN
        UPDATE workers SET last_seen = moment WHERE worker_id = w;
    END IF;
    IF picked IS NOT NULL THEN
        UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => lease), lease_s = lease
            WHERE job_id = picked AND state = 'leased' AND lease_owner IS NOT DISTINCT FROM w;
        IF FOUND THEN
            RETURN picked;
        END IF;
    END IF;
    IF due THEN
        entries := promote(moment);
    END IF;
    picked := pick_job(m, resident, s, entries::text);
    IF picked IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE jobs SET state = 'leased', attempt = attempt + 1, lease_owner = w, lease_s = lease, progress = 0,
        lease_until = clock_timestamp() + make_interval(secs => lease) WHERE job_id = picked RETURNING attempt INTO att;
    INSERT INTO attempts (job_id, attempt, worker_id) VALUES (picked, att, w);
    RETURN picked;
END $$;

CREATE FUNCTION claim_job(w uuid, lease integer, resident bigint, memory_mb integer, disk_mb integer, gpus integer, device text,
    dtypes text[])
RETURNS TABLE (job_id bigint, attempt integer, epoch uuid, purpose text, revision_id bigint, model text, kind text,
    commit text, task text, task_version integer, task_sha256 text, config jsonb, config_id bigint, manifest jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE picked bigint; s settings;
BEGIN
    SELECT * INTO STRICT s FROM settings;
    picked := take_job(w, lease, ROW(memory_mb, disk_mb, gpus, device, dtypes)::machine, resident, s, false);
    RETURN QUERY SELECT j.job_id, j.attempt, s.epoch, j.purpose, j.revision_id, m.name, m.kind, r.commit, t.name,
        t.version, t.sha256::text, config_json(c), j.config_id, r.manifest
        FROM jobs j JOIN revisions r USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
        JOIN configurations c USING (config_id) WHERE j.job_id = picked;
END $$;

-- ---- finishing ----

CREATE OR REPLACE FUNCTION holds_attempt(j jobs, att integer, w uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = assay, pg_temp AS $$
BEGIN
    RETURN j.attempt = att AND j.state IN ('leased', 'waiting', 'queued')
        AND EXISTS (SELECT 1 FROM attempts a WHERE a.job_id = j.job_id AND a.attempt = att AND a.worker_id = w)
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.job_id AND r.attempt = att);
END $$;

CREATE OR REPLACE FUNCTION compare_bits(r runs) RETURNS void LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE before runs;
BEGIN
    SELECT * INTO before FROM runs o WHERE (o.revision_id, o.task_id, o.config_id) = (r.revision_id, r.task_id, r.config_id)
        AND (o.harness_build, o.backend, o.isa, o.device, o.dtype) = (r.harness_build, r.backend, r.isa, r.device, r.dtype)
        AND o.data_sha256 = r.data_sha256 AND o.run_id <> r.run_id ORDER BY o.run_id DESC LIMIT 1;
    IF before.bits_sha256 <> r.bits_sha256 THEN
        INSERT INTO events (kind, job_id, data)
            VALUES ('alarm.bits', r.job_id, jsonb_build_object('run', r.run_id, 'before', before.run_id));
    END IF;
END $$;

-- (Ownership is compared so that the row is found by its key: the index of leases by worker is long while a snapshot is open.)
-- Stores the run of an attempt and sets the job done. Whoever holds the lease is known by its one row; all others go the
-- long way, which says why.
CREATE FUNCTION finish_attempt(w uuid, jid bigint, att integer, its_epoch uuid, text_of text, s settings) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    j jobs; r runs; was job_state := 'leased'; sha text := encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    rev bigint; task bigint; config bigint; why text; sid bigint; began timestamptz; run bigint;
BEGIN
    UPDATE jobs SET state = 'done', lease_owner = NULL, lease_until = NULL, record_sha256 = sha, progress = 1,
        finished_at = clock_timestamp(), error_class = NULL, error = NULL
        WHERE job_id = jid AND attempt = att AND lease_owner IS NOT DISTINCT FROM w AND state = 'leased' AND its_epoch = s.epoch
        RETURNING revision_id, task_id, config_id, purpose, set_id INTO rev, task, config, why, sid;
    IF NOT FOUND THEN
        SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
        IF NOT FOUND THEN
            RETURN 'gone';
        END IF;
        SELECT * INTO r FROM runs WHERE job_id = jid AND attempt = att;
        IF FOUND THEN
            RETURN CASE WHEN r.worker_id = w AND r.record_sha256 = sha THEN 'already' ELSE 'stale' END;
        END IF;
        IF NOT holds_attempt(j, att, w) OR its_epoch IS DISTINCT FROM s.epoch THEN
            RETURN 'stale';
        END IF;
        was := j.state; rev := j.revision_id; task := j.task_id; config := j.config_id; why := j.purpose; sid := j.set_id;
        UPDATE jobs SET state = 'done', lease_owner = NULL, lease_until = NULL, record_sha256 = sha, progress = 1,
            finished_at = clock_timestamp(), error_class = NULL, error = NULL WHERE job_id = jid;
    END IF;
    UPDATE attempts SET ended_at = clock_timestamp(), outcome = 'ok', error_class = NULL, error = NULL
        WHERE job_id = jid AND attempt = att RETURNING started_at INTO began;
    run := store_run(rev, task, config, why, jid, att, w, sid, began, text_of, sha);
    RETURN CASE was WHEN 'leased' THEN 'ok' ELSE 'ok-late' END;
END $$;

CREATE OR REPLACE FUNCTION finish_job(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off AS $$
DECLARE s settings;
BEGIN
    SELECT * INTO STRICT s FROM settings;
    RETURN finish_attempt(w, jid, att, its_epoch, text_of, s);
END $$;

-- Both at once: one row, whose job is NULL where there is none. Told twice, as after a lost reply, it answers already
-- and the job that was taken the first time.
CREATE FUNCTION finish_and_claim(w uuid, jid bigint, att integer, its_epoch uuid, text_of text, lease integer, resident bigint,
    memory_mb integer, disk_mb integer, gpus integer, device text, dtypes text[])
RETURNS TABLE (answer text, job_id bigint, attempt integer, epoch uuid, purpose text, revision_id bigint, model text,
    kind text, commit text, task text, task_version integer, task_sha256 text, config jsonb, config_id bigint, manifest jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE picked bigint; s settings; said text;
BEGIN
    SELECT * INTO STRICT s FROM settings;
    said := finish_attempt(w, jid, att, its_epoch, text_of, s);
    picked := take_job(w, lease, ROW(memory_mb, disk_mb, gpus, device, dtypes)::machine, resident, s, said = 'ok');
    RETURN QUERY SELECT said, j.job_id, j.attempt, s.epoch, j.purpose, j.revision_id, m.name, m.kind, r.commit, t.name,
        t.version, t.sha256::text, config_json(c), j.config_id, r.manifest
        FROM jobs j JOIN revisions r USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id)
        JOIN configurations c USING (config_id) WHERE j.job_id = picked;
    IF NOT FOUND THEN
        answer := said;
        RETURN NEXT;
    END IF;
END $$;

-- A run with its numbers, from a record (db.h describes it): its id. `text_of` is the record's exact bytes, `sha` their hash.
CREATE FUNCTION store_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
    began timestamptz, text_of text, sha text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rec jsonb := text_of::jsonb; audit jsonb := coalesce(rec -> 'audit', '{}'); n_all bigint := coalesce((rec ->> 'n')::bigint, 0);
    build text := rec ->> 'harness_build'; its_main text := rec ->> 'main'; rid bigint := nextval('runs_run_id_seq');
    expected text; bits text; has_main boolean; bad boolean; has_chunks boolean; chunks integer := 0; locked text; nth integer;
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
    put AS (INSERT INTO results (run_id, subset, metric, value, stderr, low, high, n)
        SELECT rid, m.subset, m.name, m.value, m.stderr, m.low, m.high, m.n FROM m)
    SELECT encode(sha256(convert_to(string_agg(concat_ws('|', m.subset, m.name, m.value, m.stderr), E'\n'
            ORDER BY m.subset COLLATE "C", m.name COLLATE "C"), 'UTF8')), 'hex'),
        bool_or(m.name = its_main AND m.subset = ''),
        bool_or(octet_length(m.subset) > 200 OR octet_length(m.name) NOT BETWEEN 1 AND 100 OR m.n < 0) INTO bits, has_main, bad FROM m;
    IF has_main IS NOT TRUE THEN
        RAISE EXCEPTION 'the record lacks its main metric' USING ERRCODE = 'ZA001';
    END IF;
    IF bad OR n_all < 0 OR octet_length(build) NOT BETWEEN 1 AND 200 OR why NOT IN ('eval', 'canary', 'reproduce') THEN
        RAISE EXCEPTION 'the record has a name or a count that is out of bounds' USING ERRCODE = 'ZA001';
    END IF;
    INSERT INTO runs (run_id, revision_id, task_id, config_id, harness_build, ordinal, purpose, job_id, attempt, worker_id, set_id,
        main, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds, backend, isa, device, dtype,
        data_sha256, weights_sha256, bits_sha256, record_sha256, n_chunks, record, started_at)
    OVERRIDING SYSTEM VALUE
    VALUES (rid, rev, task, config, build, 1 + coalesce((SELECT max(o.ordinal) FROM runs o
            WHERE (o.revision_id, o.task_id, o.config_id, o.harness_build) = (rev, task, config, build)), 0),
        why, jid, att, w, sid, its_main, n_all, coalesce((audit ->> 'ties')::bigint, 0),
        coalesce((audit ->> 'truncated')::bigint, 0), coalesce((audit ->> 'empty')::bigint, 0),
        coalesce((audit ->> 'nan')::bigint, 0), coalesce((rec ->> 'tokens_asked')::bigint, 0),
        coalesce((rec ->> 'tokens_computed')::bigint, 0), coalesce((rec ->> 'seconds')::double precision, 0),
        coalesce(rec ->> 'backend', ''), coalesce(rec ->> 'isa', ''), coalesce(rec ->> 'device', ''),
        coalesce(rec ->> 'dtype', ''), rec ->> 'data_sha256', rec ->> 'weights_sha256', bits, sha, chunks, rec, began)
    RETURNING ordinal INTO nth;
    IF why = 'eval' THEN -- the newest of its configuration, which the lock keeps it until we commit
        INSERT INTO standing_runs VALUES (rev, task, config, rid)
            ON CONFLICT (task_id, config_id, revision_id) DO UPDATE SET run_id = excluded.run_id;
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
    rid := store_run(rev, task, config, why, jid, att, w, sid, began, text_of, encode(sha256(convert_to(text_of, 'UTF8')), 'hex'));
    SELECT * INTO STRICT r FROM runs WHERE run_id = rid;
    RETURN r;
END $$;

-- ---- failing ----

-- What becomes of a job whose attempt ended without a result. action: dead, retry (a failure), quarantine (a crash), release.
-- Answers: the job's new state, already (told before), stale or gone.
CREATE OR REPLACE FUNCTION fail_job(w uuid, jid bigint, att integer, class text, action text, message text,
    retry_after_s double precision, needs integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE
    j jobs; s settings; told text; becomes job_state; wait double precision := 0; paused boolean;
    note text := CASE WHEN octet_length(message) > 1000 THEN left(message, 250) ELSE message END;
BEGIN
    IF action NOT IN ('dead', 'retry', 'quarantine', 'release') THEN
        RAISE EXCEPTION 'no action "%" for a failed job', action USING ERRCODE = 'ZA001';
    END IF;
    IF octet_length(class) > 40 THEN
        RAISE EXCEPTION 'a class of errors has 40 bytes at most' USING ERRCODE = 'ZA001';
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
    IF becomes = 'queued' THEN
        PERFORM nextval('queue_entries');
    ELSIF becomes = 'dead' THEN
        INSERT INTO events (kind, job_id, data) VALUES ('dead', jid, jsonb_build_object('class', class, 'error', note));
        PERFORM judge_task(j.task_id);
    END IF;
    RETURN becomes;
END $$;

-- Of the first two hundred in the queue's order at each priority below the second, those that waited longer than
-- settings.ageing_s rise by one, to where that priority is being served. A bounded UPDATE now and then, as a formula in
-- the order of claiming could not use an index. 0 is left to people.
CREATE FUNCTION age_jobs() RETURNS integer LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE n integer := 0; risen integer; level integer; served bigint;
    late timestamptz := clock_timestamp() - make_interval(secs => (SELECT ageing_s FROM settings));
BEGIN
    FOR level IN 2..9 LOOP
        SELECT turn INTO served FROM jobs WHERE state = 'queued' AND priority = level - 1 ORDER BY priority, turn, job_id LIMIT 1;
        WITH first AS MATERIALIZED (
            SELECT job_id, queued_at, aged_at FROM jobs WHERE state = 'queued' AND priority = level
            ORDER BY priority, turn, job_id LIMIT 200),
        old AS MATERIALIZED (
            SELECT j.job_id FROM first JOIN jobs j USING (job_id)
            WHERE j.state = 'queued' AND greatest(first.queued_at, first.aged_at) < late FOR UPDATE OF j SKIP LOCKED)
        UPDATE jobs j SET priority = level - 1, turn = coalesce(served, j.turn), aged_at = clock_timestamp()
            FROM old WHERE j.job_id = old.job_id;
        GET DIAGNOSTICS risen = ROW_COUNT;
        n := n + risen;
    END LOOP;
    RETURN n;
END $$;

-- Leases that ran out: the worker is gone or cut off, which counts as a failure; a crash is what happens to a job's own
-- process, and its worker tells of it. One statement, so that nothing comes between reading and writing. After a restart
-- of the server every worker gets one lease length to be heard again.
CREATE OR REPLACE FUNCTION reap() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE n integer; moment timestamptz := clock_timestamp();
BEGIN
    WITH s AS (SELECT * FROM settings),
    late AS MATERIALIZED (
        SELECT j.job_id, j.attempt FROM jobs j WHERE j.state = 'leased' AND j.lease_until < moment
            AND pg_postmaster_start_time() < moment - make_interval(secs => j.lease_s)
        ORDER BY j.lease_until LIMIT 100 FOR UPDATE SKIP LOCKED),
    put_back AS (
        UPDATE jobs j SET failures = j.failures + 1, lease_owner = NULL, lease_until = NULL, queued_at = clock_timestamp(),
            state = (CASE WHEN j.cancel_requested THEN 'cancelled' WHEN j.failures + 1 >= s.max_failures THEN 'dead'
                ELSE 'waiting' END)::job_state,
            finished_at = CASE WHEN j.cancel_requested OR j.failures + 1 >= s.max_failures THEN clock_timestamp() END,
            run_at = CASE WHEN t.paused_at IS NOT NULL THEN 'infinity'
                ELSE clock_timestamp() + make_interval(secs => least(21600, s.crash_backoff_s * power(2, j.failures))) END,
            error_class = 'lost', error = 'the worker went silent and its lease ran out'
        FROM late, s, tasks t WHERE j.job_id = late.job_id AND t.task_id = j.task_id RETURNING j.job_id, j.state),
    ended AS (
        UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'lost', error_class = 'lost'
        FROM late WHERE (a.job_id, a.attempt) = (late.job_id, late.attempt)),
    told AS (INSERT INTO events (kind, job_id, data)
        SELECT 'dead', job_id, '{"class": "lost"}' FROM put_back WHERE state = 'dead')
    SELECT count(*) INTO n FROM put_back;
    IF pg_try_advisory_xact_lock(7310452017) THEN -- one at a time is enough
        PERFORM age_jobs();
    END IF;
    RETURN n;
END $$;

-- queued, already (it is under way) or gone. The result of a job that was done stays; what comes is a further run.
CREATE OR REPLACE FUNCTION retry_job(jid bigint, why text) RETURNS text
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
    PERFORM nextval('queue_entries');
    NOTIFY assay_jobs;
    RETURN 'queued';
END $$;

-- ---- who may do what ----

REVOKE ALL ON submitter_turns FROM PUBLIC;
REVOKE ALL ON SEQUENCE queue_entries FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_deletion, refuse_value, raise_entries, take_turns, put_job, promote, pick_job, take_job, claim_job, finish_attempt,
    finish_and_claim, store_run, age_jobs FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON submitter_turns, queue_entries TO assay_owner;
        GRANT EXECUTE ON FUNCTION refuse_deletion, refuse_value, raise_entries, take_turns, put_job, promote, pick_job, take_job, claim_job,
            finish_attempt, finish_and_claim, store_run, age_jobs TO assay_owner;
        GRANT EXECUTE ON FUNCTION claim_job, finish_and_claim TO assay_worker;
        GRANT SELECT ON submitter_turns TO assay_ops;
    END IF;
END $$;
