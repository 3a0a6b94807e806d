-- submit(request): the one way in. The request names a model at a resolved commit, a suite with its tasks, and what
-- overrides the suite's configuration (db.h describes it). The same request again gives the same rows, also when a
-- hundred arrive at once: everything of one revision goes through one advisory lock.
-- Errors: ZA001 bad argument, ZA002 no such row, ZA003 refused.

-- Text of strangers: control characters become spaces, and the length is capped.
CREATE FUNCTION clean_text(t text, max_chars integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(btrim(regexp_replace(t, '[\x01-\x1f\x7f]+', ' ', 'g')), max_chars)
$$;

CREATE FUNCTION put_config(c jsonb) RETURNS bigint LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE id bigint;
    p text := coalesce(c ->> 'precision', 'auto'); w text := coalesce(c ->> 'weights', 'auto');
    t text := coalesce(c ->> 'template', 'auto'); f text := coalesce(c ->> 'profile', 'lm-eval/0.4.13');
    s integer := coalesce((c ->> 'shots')::integer, -1); l integer := coalesce((c ->> 'limit')::integer, 0);
    d bigint := coalesce((c ->> 'seed')::bigint, 0);
BEGIN
    INSERT INTO configurations (precision, weight_type, template, profile, shots, sample_limit, seed)
        VALUES (p, w, t, f, s, l, d) ON CONFLICT DO NOTHING;
    SELECT config_id INTO STRICT id FROM configurations
        WHERE (precision, weight_type, template, profile, shots, sample_limit, seed) = (p, w, t, f, s, l, d);
    RETURN id;
END $$;

CREATE FUNCTION config_json(c configurations) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('precision', c.precision, 'weights', c.weight_type, 'template', c.template,
        'profile', c.profile, 'shots', c.shots, 'limit', c.sample_limit, 'seed', c.seed)
$$;

-- Facts that were unknown are filled in, known ones stay.
CREATE FUNCTION put_revision(m jsonb) RETURNS bigint LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE mid bigint; id bigint;
BEGIN
    INSERT INTO models (name, kind) VALUES (m ->> 'name', coalesce(m ->> 'kind', 'hub')) ON CONFLICT DO NOTHING;
    SELECT model_id INTO STRICT mid FROM models WHERE name = m ->> 'name';
    INSERT INTO revisions AS r (model_id, commit, licence, architecture, dtype, params, size_bytes, card, manifest)
        VALUES (mid, m ->> 'commit', clean_text(m ->> 'licence', 100), clean_text(m ->> 'architecture', 100),
            clean_text(m ->> 'dtype', 25), (m ->> 'params')::bigint, (m ->> 'size_bytes')::bigint,
            coalesce(m -> 'card', '{}'), coalesce(m -> 'manifest', '{}'))
        ON CONFLICT (model_id, commit) DO UPDATE SET licence = coalesce(r.licence, excluded.licence),
            architecture = coalesce(r.architecture, excluded.architecture), dtype = coalesce(r.dtype, excluded.dtype),
            params = coalesce(r.params, excluded.params), size_bytes = coalesce(r.size_bytes, excluded.size_bytes),
            card = excluded.card || r.card, manifest = excluded.manifest || r.manifest
        RETURNING revision_id INTO id;
    RETURN id;
END $$;

CREATE FUNCTION put_task(t jsonb) RETURNS bigint LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE id bigint;
BEGIN
    INSERT INTO tasks (name, version, sha256, kind, main, definition)
        VALUES (t ->> 'name', coalesce((t ->> 'version')::integer, 1), t ->> 'sha256', t ->> 'kind', t ->> 'main',
            coalesce(t -> 'definition', '{}')) ON CONFLICT DO NOTHING;
    SELECT task_id INTO STRICT id FROM tasks WHERE name = t ->> 'name' AND sha256 = t ->> 'sha256';
    RETURN id;
END $$;

CREATE FUNCTION put_suite(s jsonb) RETURNS bigint LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE id bigint; t jsonb; i integer := 0;
BEGIN
    INSERT INTO suites (name, version, sha256, definition)
        VALUES (s ->> 'name', coalesce((s ->> 'version')::integer, 1), s ->> 'sha256', coalesce(s -> 'definition', '{}'))
        ON CONFLICT DO NOTHING RETURNING suite_id INTO id;
    IF id IS NULL THEN
        SELECT suite_id INTO STRICT id FROM suites WHERE name = s ->> 'name' AND sha256 = s ->> 'sha256';
        RETURN id;
    END IF;
    FOR t IN SELECT * FROM jsonb_array_elements(s -> 'tasks') LOOP
        INSERT INTO suite_tasks VALUES (id, i, put_task(t), put_config(coalesce(t -> 'config', '{}')));
        i := i + 1;
    END LOOP;
    RETURN id;
END $$;

-- One job; the same again may only hurry it.
CREATE FUNCTION put_job(rev bigint, task bigint, config bigint, prio integer, needs integer, OUT id bigint,
    OUT created boolean) LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE held boolean;
BEGIN
    SELECT paused_at IS NOT NULL INTO STRICT held FROM tasks WHERE task_id = task;
    INSERT INTO jobs (revision_id, task_id, config_id, priority, needs_mb, state, run_at)
        VALUES (rev, task, config, prio, needs, (CASE WHEN held THEN 'waiting' ELSE 'queued' END)::job_state,
            CASE WHEN held THEN 'infinity' ELSE clock_timestamp() END)
        ON CONFLICT DO NOTHING RETURNING job_id INTO id;
    created := id IS NOT NULL;
    IF NOT created THEN
        SELECT job_id INTO STRICT id FROM jobs WHERE (revision_id, task_id, config_id) = (rev, task, config);
        UPDATE jobs SET priority = prio WHERE job_id = id AND priority > prio AND state IN ('waiting', 'queued');
    END IF;
END $$;

CREATE FUNCTION submit(request jsonb)
RETURNS TABLE (submission_id bigint, created boolean, job_id bigint, task text, state job_state, job_created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE
    model jsonb := request -> 'model'; suite jsonb := request -> 'suite'; overrides jsonb := coalesce(request -> 'config', '{}');
    prio integer := coalesce((request ->> 'priority')::integer, 5); needs integer := coalesce((request ->> 'needs_mb')::integer, 0);
    who text := coalesce(clean_text(request ->> 'submitter', 50), ''); rev bigint; sid bigint; sub bigint; fresh boolean;
    asked text; t jsonb; made record; jid bigint[] := '{}'; jnew boolean[] := '{}';
BEGIN
    IF who = '' OR jsonb_typeof(model) IS DISTINCT FROM 'object' OR jsonb_typeof(suite) IS DISTINCT FROM 'object'
        OR jsonb_typeof(suite -> 'tasks') IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'a submission needs a submitter, a model and a suite with tasks' USING ERRCODE = 'ZA001';
    END IF;
    IF jsonb_array_length(suite -> 'tasks') NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'a suite has 1 to 10000 tasks' USING ERRCODE = 'ZA001';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(model ->> 'name' || '@' || (model ->> 'commit'), 1));
    rev := put_revision(model);
    sid := put_suite(suite);
    FOR t IN SELECT * FROM jsonb_array_elements(suite -> 'tasks') LOOP
        CONTINUE WHEN coalesce((t ->> 'skip')::boolean, false); -- of the suite, but not to be asked of this model
        SELECT * INTO made FROM put_job(rev, put_task(t), put_config(coalesce(t -> 'config', '{}') || overrides), prio, needs);
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
        NOTIFY assay_jobs; -- one a transaction, without a payload; workers poll besides
    ELSE
        UPDATE submissions s SET cancelled_at = NULL
            WHERE (s.submitter, s.revision_id, s.suite_id, s.request_sha256) = (who, rev, sid, asked)
            RETURNING s.submission_id INTO STRICT sub;
    END IF;
    RETURN QUERY SELECT sub, fresh, j.job_id, k.name, j.state, x.is_new
        FROM unnest(jid, jnew) WITH ORDINALITY AS x (id, is_new, place)
        JOIN jobs j ON j.job_id = x.id JOIN tasks k USING (task_id) ORDER BY x.place;
END $$;
