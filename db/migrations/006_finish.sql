-- Samples and results. A worker may store chunks while it holds an attempt; they become part of a run only in the
-- transaction that finishes it, together with every number. Whoever was superseded writes nothing.

-- May this worker still write for this attempt? Late is allowed as long as nobody claimed the job since.
CREATE FUNCTION holds_attempt(j jobs, att integer, w uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT j.attempt = att AND j.state IN ('leased', 'waiting', 'queued')
        AND EXISTS (SELECT 1 FROM attempts a WHERE a.job_id = j.job_id AND a.attempt = att AND a.worker_id = w)
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.job_id AND r.attempt = att)
$$;

-- ok, already, stale or gone. A chunk of an earlier attempt is replaced, one of the same attempt never changes.
CREATE FUNCTION put_chunk(w uuid, jid bigint, att integer, number integer, samples integer, its_sha256 text,
    its_build text, bytes bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs; old sample_chunks;
BEGIN
    IF encode(sha256(bytes), 'hex') <> its_sha256 THEN
        RAISE EXCEPTION 'chunk % of job % is damaged', number, jid USING ERRCODE = 'ZA001';
    END IF;
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR SHARE;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    IF NOT holds_attempt(j, att, w) THEN
        RETURN 'stale';
    END IF;
    SELECT * INTO old FROM sample_chunks WHERE set_id = j.set_id AND chunk = number;
    IF FOUND AND old.sha256 = its_sha256 THEN
        RETURN 'already';
    ELSIF FOUND AND old.attempt = att THEN
        RETURN 'stale';
    END IF;
    INSERT INTO sample_chunks VALUES (j.set_id, number, att, its_build, samples, its_sha256, bytes)
        ON CONFLICT (set_id, chunk) DO UPDATE SET attempt = excluded.attempt, build = excluded.build, n = excluded.n,
            sha256 = excluded.sha256, body = excluded.body;
    RETURN 'ok';
END $$;

-- What earlier attempts of this job got done: to resume from where the build is one's own.
CREATE FUNCTION get_chunks(w uuid, jid bigint, att integer)
RETURNS TABLE (chunk integer, n integer, sha256 text, build text, body bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE j jobs;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR SHARE;
    IF NOT FOUND OR NOT holds_attempt(j, att, w) THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT c.chunk, c.n, c.sha256::text, c.build, c.body FROM sample_chunks c
        WHERE c.set_id = j.set_id ORDER BY c.chunk;
END $$;

-- The chunks of a set must be those that the record lists; others, of attempts that were given up, go.
CREATE FUNCTION settle_chunks(sid bigint, listed jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE there integer; expected integer := coalesce(jsonb_array_length(listed), 0);
BEGIN
    DELETE FROM sample_chunks c WHERE c.set_id = sid AND NOT EXISTS (
        SELECT 1 FROM jsonb_to_recordset(listed) AS l (chunk integer, sha256 text)
        WHERE l.chunk = c.chunk AND l.sha256 = c.sha256);
    SELECT count(*) INTO there FROM sample_chunks WHERE set_id = sid;
    IF there <> expected THEN
        RAISE EXCEPTION 'the record lists % sample chunks, % are stored', expected, there USING ERRCODE = 'ZA001';
    END IF;
    RETURN there;
END $$;

-- Equal measurements that differ in their bits are somebody's fault; a person should hear of it.
CREATE FUNCTION compare_bits(r runs) RETURNS void LANGUAGE sql SET search_path = assay, pg_temp AS $$
    INSERT INTO events (kind, job_id, data)
    SELECT 'alarm.bits', r.job_id, jsonb_build_object('run', r.run_id, 'before', o.run_id)
    FROM (SELECT run_id, bits_sha256 FROM runs o WHERE (o.revision_id, o.task_id, o.config_id) = (r.revision_id, r.task_id, r.config_id)
        AND (o.harness_build, o.backend, o.isa, o.device, o.dtype) = (r.harness_build, r.backend, r.isa, r.device, r.dtype)
        AND o.data_sha256 = r.data_sha256 AND o.run_id <> r.run_id ORDER BY o.run_id DESC LIMIT 1) o
    WHERE o.bits_sha256 <> r.bits_sha256
$$;

-- Chooses the run that stands for its configuration; reproductions and canaries stand beside it.
CREATE FUNCTION choose_standing(rev bigint, task bigint, config bigint) RETURNS void
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE newest bigint;
BEGIN
    SELECT run_id INTO newest FROM runs WHERE (revision_id, task_id, config_id) = (rev, task, config)
        AND superseded_at IS NULL AND purpose = 'eval' ORDER BY finished_at DESC, run_id DESC LIMIT 1;
    IF newest IS NULL THEN
        DELETE FROM standing_runs WHERE (revision_id, task_id, config_id) = (rev, task, config);
    ELSE
        INSERT INTO standing_runs VALUES (rev, task, config, newest)
            ON CONFLICT (task_id, config_id, revision_id) DO UPDATE SET run_id = excluded.run_id;
    END IF;
END $$;

-- A run with its numbers, from a record (db.h describes it). `text_of` is the record's exact bytes.
CREATE FUNCTION put_run(rev bigint, task bigint, config bigint, why text, jid bigint, att integer, w uuid, sid bigint,
    began timestamptz, text_of text) RETURNS runs LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE rec jsonb := text_of::jsonb; r runs; expected text; bits text;
BEGIN
    SELECT sha256 INTO STRICT expected FROM tasks WHERE task_id = task;
    IF rec ->> 'task_sha256' IS DISTINCT FROM expected THEN
        RAISE EXCEPTION 'the record is of another version of the task' USING ERRCODE = 'ZA001';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM jsonb_to_recordset(rec -> 'metrics') AS m (name text, subset text)
        WHERE m.name = rec ->> 'main' AND coalesce(m.subset, '') = '') THEN
        RAISE EXCEPTION 'the record lacks its main metric' USING ERRCODE = 'ZA001';
    END IF;
    SELECT encode(sha256(convert_to(string_agg(concat_ws('|', coalesce(m.subset, ''), m.name, m.value, m.stderr), E'\n'
        ORDER BY coalesce(m.subset, '') COLLATE "C", m.name COLLATE "C"), 'UTF8')), 'hex') INTO bits
        FROM jsonb_to_recordset(rec -> 'metrics') AS m (subset text, name text, value double precision, stderr double precision);
    PERFORM pg_advisory_xact_lock(hashtextextended(format('%s/%s/%s', rev, task, config), 2)); -- for the ordinal
    INSERT INTO runs (revision_id, task_id, config_id, harness_build, ordinal, purpose, job_id, attempt, worker_id, set_id,
        main, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds, backend, isa, device, dtype,
        data_sha256, weights_sha256, bits_sha256, record_sha256, n_chunks, record, started_at)
    SELECT rev, task, config, x.harness_build, 1 + coalesce((SELECT max(o.ordinal) FROM runs o
            WHERE (o.revision_id, o.task_id, o.config_id, o.harness_build) = (rev, task, config, x.harness_build)), 0),
        why, jid, att, w, sid, x.main, coalesce(x.n, 0), coalesce(a.ties, 0), coalesce(a.truncated, 0),
        coalesce(a.empty, 0), coalesce(a.nan, 0), coalesce(x.tokens_asked, 0), coalesce(x.tokens_computed, 0),
        coalesce(x.seconds, 0), coalesce(x.backend, ''), coalesce(x.isa, ''), coalesce(x.device, ''), coalesce(x.dtype, ''),
        x.data_sha256, x.weights_sha256, bits, encode(sha256(convert_to(text_of, 'UTF8')), 'hex'),
        settle_chunks(sid, coalesce(rec -> 'chunks', '[]')), rec, began
    FROM jsonb_to_record(rec) AS x (harness_build text, main text, n bigint, tokens_asked bigint, tokens_computed bigint,
            seconds double precision, backend text, isa text, device text, dtype text, data_sha256 text,
            weights_sha256 text, audit jsonb)
        CROSS JOIN LATERAL jsonb_to_record(coalesce(x.audit, '{}')) AS a (ties bigint, truncated bigint, empty bigint, nan bigint)
    RETURNING * INTO STRICT r;
    INSERT INTO results (run_id, subset, metric, value, stderr, low, high, n)
    SELECT r.run_id, coalesce(m.subset, ''), m.name, m.value, m.stderr, m.low, m.high, coalesce(m.n, r.n)
    FROM jsonb_to_recordset(rec -> 'metrics') AS m (subset text, name text, value double precision,
        stderr double precision, low double precision, high double precision, n bigint);
    PERFORM choose_standing(rev, task, config);
    PERFORM compare_bits(r);
    RETURN r;
END $$;

-- ok; ok-late (the lease had run out, nobody had claimed since); already (this very record was taken before: a reply was
-- lost); stale (superseded, another worker's, or other bytes than before); gone (no such job).
CREATE FUNCTION finish_job(w uuid, jid bigint, att integer, its_epoch uuid, text_of text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs; r runs; began timestamptz;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    SELECT * INTO r FROM runs WHERE job_id = jid AND attempt = att;
    IF FOUND THEN
        RETURN CASE WHEN r.worker_id = w AND r.record_sha256 = encode(sha256(convert_to(text_of, 'UTF8')), 'hex')
            THEN 'already' ELSE 'stale' END;
    END IF;
    IF NOT holds_attempt(j, att, w) OR its_epoch IS DISTINCT FROM (SELECT epoch FROM settings) THEN
        RETURN 'stale';
    END IF;
    SELECT started_at INTO began FROM attempts WHERE job_id = jid AND attempt = att;
    r := put_run(j.revision_id, j.task_id, j.config_id, j.purpose, jid, att, w, j.set_id, began, text_of);
    UPDATE jobs SET state = 'done', lease_owner = NULL, lease_until = NULL, record_sha256 = r.record_sha256, progress = 1,
        finished_at = clock_timestamp(), error_class = NULL, error = NULL WHERE job_id = jid;
    UPDATE attempts SET ended_at = clock_timestamp(), outcome = 'ok', error_class = NULL, error = NULL
        WHERE job_id = jid AND attempt = att;
    RETURN CASE j.state WHEN 'leased' THEN 'ok' ELSE 'ok-late' END;
END $$;

-- A run made without the queue. The request holds model and task as for submit, a configuration and a purpose; samples
-- were put into the set before. The same record again is the run that is there.
CREATE FUNCTION record_run(request jsonb, sid bigint, text_of text, OUT run_id bigint, OUT created boolean)
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
    END IF;
END $$;

CREATE FUNCTION record_chunk(sid bigint, number integer, samples integer, its_sha256 text, its_build text, bytes bytea)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    IF encode(sha256(bytes), 'hex') <> its_sha256 THEN
        RAISE EXCEPTION 'sample chunk % is damaged', number USING ERRCODE = 'ZA001';
    END IF;
    sid := coalesce(sid, nextval('sample_sets'));
    IF EXISTS (SELECT 1 FROM runs x WHERE x.set_id = sid) OR EXISTS (SELECT 1 FROM jobs x WHERE x.set_id = sid) THEN
        RAISE EXCEPTION 'sample set % belongs to another run', sid USING ERRCODE = 'ZA003';
    END IF;
    INSERT INTO sample_chunks VALUES (sid, number, 0, its_build, samples, its_sha256, bytes) ON CONFLICT DO NOTHING;
    RETURN sid;
END $$;
