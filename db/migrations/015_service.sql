-- What people hand in over HTTP. A request is durable before it is answered; a resolver then makes a submission of it, or
-- says why not. Tokens are kept as hashes; what is to be told at a request's end is written in the transaction that ends it.
-- Errors: ZA001 bad argument, ZA002 no such row, ZA003 refused.

CREATE TABLE api_tokens (
    token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 hash256 NOT NULL CONSTRAINT api_tokens_once UNIQUE, -- of the token, which is shown once and kept nowhere
    name text NOT NULL CONSTRAINT api_tokens_name_short CHECK (octet_length(name) BETWEEN 1 AND 200),
    username text NOT NULL CONSTRAINT api_tokens_user_grammar CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
    org text NOT NULL DEFAULT '' CONSTRAINT api_tokens_org_grammar CHECK (org ~ '^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$'),
    scopes text[] NOT NULL CONSTRAINT api_tokens_scopes CHECK (scopes <@ ARRAY['submit', 'read', 'admin'] AND cardinality(scopes) > 0),
    webhook text CONSTRAINT api_tokens_webhook_short CHECK (octet_length(webhook) <= 2000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz
);

-- One row: what keys are made of that need not be stored, as the one by which a stranger cancels what he submitted.
CREATE TABLE service_keys (
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT service_keys_one_row CHECK (one),
    key text NOT NULL DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
);
INSERT INTO service_keys DEFAULT VALUES;

CREATE TABLE requests (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submitter text NOT NULL CONSTRAINT requests_submitter_length CHECK (octet_length(submitter) BETWEEN 1 AND 64),
    org text NOT NULL DEFAULT '',
    token_id bigint REFERENCES api_tokens,
    owner text NOT NULL CONSTRAINT requests_owner_short CHECK (octet_length(owner) BETWEEN 1 AND 100), -- whose idempotency key it is
    model text NOT NULL CONSTRAINT requests_model_grammar CHECK (
        model ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$' AND model !~ '(\.\.|--|\.git$)'),
    revision text CONSTRAINT requests_revision_grammar CHECK (revision ~ '^[A-Za-z0-9_][A-Za-z0-9._/-]{0,127}$' AND revision !~ '\.\.'),
    suite text NOT NULL CONSTRAINT requests_suite_grammar CHECK (suite ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$'),
    config jsonb NOT NULL DEFAULT '{}' CONSTRAINT requests_config_small CHECK (pg_column_size(config) < 4096),
    priority smallint NOT NULL DEFAULT 5 CONSTRAINT requests_priority CHECK (priority BETWEEN 0 AND 9),
    idem_key text CONSTRAINT requests_key_short CHECK (octet_length(idem_key) BETWEEN 1 AND 200),
    body_sha256 hash256 NOT NULL,
    webhook text CONSTRAINT requests_webhook_short CHECK (octet_length(webhook) <= 2000),
    votes integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'pending' CONSTRAINT requests_state CHECK (state IN ('pending', 'resolved', 'rejected', 'cancelled')),
    tries integer NOT NULL DEFAULT 0, -- the fence of whoever resolves it
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error_class text CONSTRAINT requests_error_class_short CHECK (octet_length(error_class) <= 40),
    error text CONSTRAINT requests_error_short CHECK (octet_length(error) <= 1000),
    hint text CONSTRAINT requests_hint_short CHECK (octet_length(hint) <= 1000),
    submission_id bigint REFERENCES submissions,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    ended_at timestamptz,
    outcome text CONSTRAINT requests_outcome CHECK (outcome IN ('done', 'failed', 'cancelled', 'rejected')),
    CONSTRAINT requests_ended_with_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT requests_resolved_to_something CHECK ((state = 'resolved') <= (submission_id IS NOT NULL))
);
CREATE UNIQUE INDEX requests_key_once ON requests (owner, idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX requests_pending ON requests (next_at) WHERE state = 'pending';
CREATE INDEX requests_open ON requests (request_id) WHERE state = 'resolved' AND ended_at IS NULL;
CREATE INDEX requests_ended ON requests (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX requests_submission ON requests (submission_id);

CREATE TABLE votes (
    request_id bigint NOT NULL REFERENCES requests,
    username text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (request_id, username)
);

CREATE TABLE webhooks (
    webhook_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id bigint NOT NULL REFERENCES requests,
    url text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'pending' CONSTRAINT webhooks_state CHECK (state IN ('pending', 'sent', 'given-up')),
    tries integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error text CONSTRAINT webhooks_error_short CHECK (octet_length(error) <= 1000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz
);
CREATE INDEX webhooks_due ON webhooks (next_at) WHERE state = 'pending';

-- The last lines that a job's process said, kept by its worker.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS log text CONSTRAINT attempts_log_short CHECK (octet_length(log) <= 65536);

-- ---- tokens ----

CREATE FUNCTION add_token(hash text, called text, who text, of_org text, may text[], hook text, days integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE id bigint;
BEGIN
    INSERT INTO api_tokens (sha256, name, username, org, scopes, webhook, expires_at)
        VALUES (hash, clean_text(called, 50), who, coalesce(of_org, ''), may, hook, clock_timestamp() + make_interval(days => days))
        RETURNING token_id INTO id;
    INSERT INTO events (kind, data) VALUES ('token.add', jsonb_build_object('token', id, 'user', who));
    RETURN id;
END $$;

CREATE FUNCTION revoke_token(id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    UPDATE api_tokens SET revoked_at = clock_timestamp() WHERE token_id = id AND revoked_at IS NULL;
    IF FOUND THEN
        INSERT INTO events (kind, data) VALUES ('token.revoke', jsonb_build_object('token', id));
    END IF;
    RETURN FOUND;
END $$;

-- Whoever holds a token that is good now; no row else.
CREATE FUNCTION find_token(hash text) RETURNS TABLE (token_id bigint, username text, org text, scopes text[], webhook text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT token_id, username, org, scopes, webhook FROM api_tokens
    WHERE sha256 = hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
$$;

CREATE FUNCTION service_key() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT key FROM service_keys
$$;

-- ---- what is handed in ----

-- The same key with the same body is the request that is there; with another body it is refused.
CREATE FUNCTION accept_request(ask jsonb, OUT request_id bigint, OUT answer text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE was text;
BEGIN
    INSERT INTO requests (submitter, org, token_id, owner, model, revision, suite, config, priority, idem_key, body_sha256, webhook)
        VALUES (ask ->> 'submitter', coalesce(ask ->> 'org', ''), (ask ->> 'token')::bigint, ask ->> 'owner', ask ->> 'model',
            ask ->> 'revision', ask ->> 'suite', coalesce(ask -> 'config', '{}'), coalesce((ask ->> 'priority')::smallint, 5::smallint),
            ask ->> 'key', ask ->> 'body_sha256', ask ->> 'webhook')
        ON CONFLICT (owner, idem_key) WHERE idem_key IS NOT NULL DO NOTHING RETURNING requests.request_id INTO request_id;
    answer := 'created';
    IF request_id IS NULL THEN
        SELECT r.request_id, r.body_sha256 INTO STRICT request_id, was FROM requests r
            WHERE r.owner = ask ->> 'owner' AND r.idem_key = ask ->> 'key';
        answer := CASE WHEN was = ask ->> 'body_sha256' THEN 'same' ELSE 'conflict' END;
    END IF;
END $$;

-- ---- how long it takes ----

-- From which to which number of seconds such a job may take: the middle four fifths of what the task took lately, each
-- scaled by the size of its model; twice as wide where little is known. NULLs where nothing is.
CREATE FUNCTION job_seconds(tid bigint, its_params double precision, OUT low double precision, OUT high double precision)
LANGUAGE plpgsql STABLE SET search_path = assay, pg_temp AS $$
DECLARE n bigint;
BEGIN
    SELECT count(*), percentile_cont(0.1) WITHIN GROUP (ORDER BY s), percentile_cont(0.9) WITHIN GROUP (ORDER BY s)
    INTO n, low, high
    FROM (SELECT extract(epoch FROM a.ended_at - a.started_at)
            * CASE WHEN v.params > 0 AND its_params > 0 THEN least(16, greatest(0.0625, its_params / v.params)) ELSE 1 END AS s
        FROM jobs j JOIN attempts a USING (job_id) JOIN revisions v USING (revision_id)
        WHERE j.task_id = tid AND a.outcome = 'ok' ORDER BY j.job_id DESC LIMIT 50) x;
    IF n = 0 THEN -- any task is better than no word
        SELECT percentile_cont(0.1) WITHIN GROUP (ORDER BY s) / 2, percentile_cont(0.9) WITHIN GROUP (ORDER BY s) * 2 INTO low, high
        FROM (SELECT extract(epoch FROM ended_at - started_at) AS s FROM attempts WHERE outcome = 'ok' ORDER BY job_id DESC LIMIT 50) x;
    ELSIF n < 5 THEN
        low := low / 2;
        high := high * 2;
    END IF;
END $$;

-- Jobs that are claimed before this one, in the order of claims; those past ten thousand are not looked at. The one place
-- that knows that order besides pick_job.
CREATE FUNCTION jobs_before(j jobs) RETURNS SETOF jobs LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT * FROM jobs WHERE state = 'queued' 
        AND (priority, turn, job_id) < (j.priority, j.turn, j.job_id) ORDER BY priority, turn, job_id LIMIT 10000
$$;

-- {"workers", "low_s", "high_s"} or {"workers", "unknown": why}; NULL where there is nothing left to do.
CREATE FUNCTION request_eta(sub bigint) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = assay, pg_temp AS $$
DECLARE last jobs; low double precision; high double precision; n_ahead bigint; n_known bigint;
    workers bigint := (SELECT count(*) FROM workers WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min');
BEGIN
    SELECT j.* INTO last FROM jobs j JOIN submission_jobs USING (job_id) WHERE submission_id = sub AND j.state IN ('queued', 'leased')
        ORDER BY (j.state = 'queued') DESC, j.priority DESC, j.turn DESC, j.job_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF workers = 0 THEN
        RETURN jsonb_build_object('workers', 0, 'unknown', 'no worker is running');
    END IF;
    WITH due AS MATERIALIZED (
        (SELECT task_id, revision_id, 1.0 AS part FROM jobs_before(last) WHERE last.state = 'queued')
        UNION ALL (SELECT last.task_id, last.revision_id, 1.0 WHERE last.state = 'queued')
        UNION ALL (SELECT task_id, revision_id, 1 - progress FROM jobs
            WHERE state = 'leased' AND (last.state = 'queued' OR job_id = last.job_id) LIMIT 1000)),
    by_task AS (SELECT task_id, sum(part) AS parts, count(*) AS n, avg(v.params)::float8 AS params
        FROM due JOIN revisions v USING (revision_id) GROUP BY task_id)
    SELECT sum(b.parts * s.low), sum(b.parts * s.high), sum(b.n), sum(b.n) FILTER (WHERE s.high IS NOT NULL)
    INTO low, high, n_ahead, n_known FROM by_task b CROSS JOIN LATERAL job_seconds(b.task_id, b.params) s;
    IF n_known IS NULL OR n_ahead >= 10000 THEN
        RETURN jsonb_build_object('workers', workers, 'unknown', CASE WHEN n_known IS NULL THEN 'nothing like it has been run yet'
            ELSE 'more than 10000 jobs are before it' END);
    END IF;
    RETURN jsonb_build_object('workers', workers, 'low_s', round((low / workers)::numeric, 1), 'high_s', round((high / workers)::numeric, 1));
END $$;

-- ---- what became of it ----

CREATE FUNCTION request_state(r requests) RETURNS text LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT CASE WHEN r.ended_at IS NOT NULL THEN r.outcome WHEN r.state <> 'resolved' THEN r.state ELSE (
        SELECT CASE WHEN bool_or(j.state = 'leased') THEN 'running'
            WHEN bool_or(j.state IN ('queued', 'waiting')) THEN CASE WHEN bool_or(j.state = 'done') THEN 'running' ELSE 'queued' END
            WHEN bool_or(j.state = 'dead') THEN 'failed' WHEN bool_and(j.state = 'done') THEN 'done' ELSE 'cancelled' END
        FROM submission_jobs s JOIN jobs j USING (job_id) WHERE s.submission_id = r.submission_id) END
$$;

CREATE FUNCTION request_line(r requests) RETURNS jsonb LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT jsonb_build_object('id', r.request_id, 'state', request_state(r), 'model', r.model, 'revision', r.revision,
        'commit', v.commit, 'suite', r.suite, 'config', r.config, 'submitter', r.submitter, 'org', nullif(r.org, ''),
        'priority', r.priority, 'votes', r.votes, 'submission', r.submission_id, 'created_at', r.created_at,
        'resolved_at', r.resolved_at, 'ended_at', r.ended_at, 'tries', r.tries,
        'next_at', CASE WHEN r.state = 'pending' THEN r.next_at END,
        'error', CASE WHEN r.error_class IS NOT NULL THEN
            jsonb_build_object('class', r.error_class, 'message', r.error, 'hint', r.hint) END)
    FROM (SELECT 1) x LEFT JOIN submissions s ON s.submission_id = r.submission_id LEFT JOIN revisions v USING (revision_id)
$$;

CREATE FUNCTION last_lines(log text, n integer) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = assay, pg_temp AS $$
    SELECT to_jsonb(a[greatest(1, cardinality(a) - n + 1):]) FROM (SELECT string_to_array(rtrim(log, E'\n'), E'\n') AS a) x
$$;

-- The jobs of a submission, those first that need to be looked at; logs of the first twenty.
CREATE FUNCTION request_jobs(sub bigint) RETURNS jsonb LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_object('job', job_id, 'task', name, 'state', state, 'paused', paused, 'attempt', attempt,
        'progress', progress, 'ahead', ahead, 'again_at', again_at,
        'finished_at', finished_at, 'error_class', error_class, 'error', error,
        'log', CASE WHEN place <= 20 THEN last_lines(log, 50) END) ORDER BY place)
    FROM (SELECT j.job_id, t.name, j.state, t.paused_at IS NOT NULL AS paused, j.attempt, j.progress, j.finished_at,
            j.error_class, j.error, a.log,
            CASE WHEN j.state = 'queued' THEN (SELECT count(*) FROM jobs_before(j)) END AS ahead,
            CASE WHEN j.state = 'waiting' AND isfinite(j.run_at) THEN j.run_at END AS again_at,
            row_number() OVER (ORDER BY array_position(ARRAY['leased', 'dead', 'waiting', 'queued', 'cancelled', 'done'], j.state::text), j.job_id) AS place
        FROM submission_jobs sj JOIN jobs j USING (job_id) JOIN tasks t USING (task_id)
        LEFT JOIN attempts a ON (a.job_id, a.attempt) = (j.job_id, j.attempt) WHERE sj.submission_id = sub
        ORDER BY place LIMIT 500) x
$$;

CREATE FUNCTION request_view(rid bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT request_line(r) || jsonb_build_object('jobs', coalesce(request_jobs(r.submission_id), '[]'),
        'eta', CASE WHEN r.ended_at IS NULL THEN request_eta(r.submission_id) END,
        'before', CASE WHEN r.state = 'pending' THEN (SELECT count(*) FROM (SELECT 1 FROM requests p WHERE p.state = 'pending'
            AND p.next_at <= r.next_at AND p.request_id <> r.request_id LIMIT 10000) x) END,
        'webhook', (SELECT jsonb_build_object('state', w.state, 'tries', w.tries, 'error', w.error) FROM webhooks w WHERE w.request_id = rid))
    FROM requests r WHERE r.request_id = rid
$$;

-- Newest first, those before request `before`.
CREATE FUNCTION list_requests(before bigint, n integer) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = assay, pg_temp AS $$
    SELECT coalesce(jsonb_agg(request_line(r) ORDER BY r.request_id DESC), '[]') FROM (SELECT * FROM requests x
        WHERE before IS NULL OR x.request_id < before ORDER BY x.request_id DESC LIMIT least(n, 200)) r
$$;

CREATE FUNCTION list_ended(n integer) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT coalesce(jsonb_agg(request_line(r) ORDER BY r.ended_at DESC, r.request_id DESC), '[]') FROM (SELECT * FROM requests
        WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, request_id DESC LIMIT least(n, 200)) r
$$;

-- The end of a request, and what is to be told of it, are one.
CREATE FUNCTION end_request(rid bigint, how text) RETURNS void LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE r requests;
BEGIN
    UPDATE requests SET ended_at = clock_timestamp(), outcome = how WHERE request_id = rid AND ended_at IS NULL RETURNING * INTO r;
    IF FOUND AND r.webhook IS NOT NULL THEN
        INSERT INTO webhooks (request_id, url, body) VALUES (rid, r.webhook,
            jsonb_build_object('schema', 'assay.submission-ended/1', 'submission', request_line(r)));
    END IF;
END $$;

-- Ends those requests whose jobs are all over. How many there were.
CREATE FUNCTION sweep_requests(n integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE r requests; swept integer := 0;
BEGIN
    FOR r IN SELECT * FROM requests q WHERE q.state = 'resolved' AND q.ended_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM submission_jobs s JOIN jobs j USING (job_id)
            WHERE s.submission_id = q.submission_id AND j.state IN ('waiting', 'queued', 'leased'))
        ORDER BY q.request_id LIMIT n FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM end_request(r.request_id, request_state(r));
        swept := swept + 1;
    END LOOP;
    RETURN swept;
END $$;

-- ---- from request to submission ----

CREATE FUNCTION claim_request(lease integer)
RETURNS TABLE (request_id bigint, tries integer, submitter text, model text, revision text, suite text, config jsonb, priority smallint)
LANGUAGE sql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    UPDATE requests r SET tries = r.tries + 1, next_at = clock_timestamp() + make_interval(secs => lease)
    WHERE r.request_id = (SELECT p.request_id FROM requests p WHERE p.state = 'pending' AND p.next_at <= statement_timestamp()
        ORDER BY p.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING r.request_id, r.tries, r.submitter, r.model, r.revision, r.suite, r.config, r.priority
$$;

-- ok, or stale: it was cancelled, or somebody else has it by now.
CREATE FUNCTION resolve_request(rid bigint, its_tries integer, submission jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE sub bigint;
BEGIN
    PERFORM 1 FROM requests WHERE request_id = rid AND tries = its_tries AND state = 'pending' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'stale';
    END IF;
    SELECT s.submission_id INTO STRICT sub FROM submit(submission) s LIMIT 1;
    UPDATE requests SET state = 'resolved', submission_id = sub, resolved_at = clock_timestamp(), error_class = NULL, error = NULL,
        hint = NULL WHERE request_id = rid;
    RETURN 'ok';
END $$;

-- What cannot become a submission, or cannot now (wait_s not NULL: then, for twenty tries, it is looked at again).
CREATE FUNCTION fail_request(rid bigint, its_tries integer, class text, message text, advice text, wait_s double precision) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE again boolean := wait_s IS NOT NULL AND its_tries < 20;
BEGIN
    UPDATE requests SET error_class = class, error = clean_text(message, 250), hint = clean_text(nullif(advice, ''), 250),
        state = CASE WHEN again THEN 'pending' ELSE 'rejected' END,
        next_at = clock_timestamp() + make_interval(secs => coalesce(wait_s, 0))
        WHERE request_id = rid AND tries = its_tries AND state = 'pending';
    IF NOT FOUND THEN
        RETURN 'stale';
    ELSIF NOT again THEN
        PERFORM end_request(rid, 'rejected');
    END IF;
    RETURN 'ok';
END $$;

-- ---- what people do to it ----

-- cancelled, already (it is over), denied or gone. Jobs that another submission still wants go on.
CREATE FUNCTION cancel_request(rid bigint, who text, may boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE r requests;
BEGIN
    SELECT * INTO r FROM requests WHERE request_id = rid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    ELSIF NOT may AND (r.token_id IS NULL OR who IS DISTINCT FROM r.submitter) THEN
        RETURN 'denied';
    ELSIF r.ended_at IS NOT NULL THEN
        RETURN 'already';
    END IF;
    IF r.state = 'resolved' AND NOT EXISTS (SELECT 1 FROM requests o WHERE o.submission_id = r.submission_id
        AND o.request_id <> rid AND o.ended_at IS NULL) THEN
        PERFORM cancel_submission(r.submission_id);
    END IF;
    UPDATE requests SET state = CASE state WHEN 'pending' THEN 'cancelled' ELSE state END WHERE request_id = rid;
    PERFORM end_request(rid, 'cancelled');
    RETURN 'cancelled';
END $$;

-- voted, already, over or gone. A vote is a user's; one hurries the jobs by a step, three by two, and no number of them
-- past priority 3: what comes first is for those who run the service to say.
CREATE FUNCTION vote_request(rid bigint, who text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE r requests; wanted smallint;
BEGIN
    SELECT * INTO r FROM requests WHERE request_id = rid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'gone';
    ELSIF r.ended_at IS NOT NULL THEN
        RETURN 'over';
    END IF;
    INSERT INTO votes (request_id, username) VALUES (rid, who) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'already';
    END IF;
    UPDATE requests SET votes = votes + 1 WHERE request_id = rid;
    wanted := greatest(3, r.priority - CASE WHEN r.votes + 1 >= 3 THEN 2 ELSE 1 END);
    UPDATE jobs SET priority = wanted WHERE priority > wanted AND state IN ('waiting', 'queued')
        AND job_id IN (SELECT job_id FROM submission_jobs WHERE submission_id = r.submission_id);
    RETURN 'voted';
END $$;

-- ---- telling ----

CREATE FUNCTION claim_webhook(lease integer)
RETURNS TABLE (webhook_id bigint, request_id bigint, token_id bigint, url text, body jsonb, tries integer)
LANGUAGE sql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    UPDATE webhooks w SET tries = w.tries + 1, next_at = clock_timestamp() + make_interval(secs => lease)
    FROM requests r WHERE r.request_id = w.request_id
        AND w.webhook_id = (SELECT p.webhook_id FROM webhooks p WHERE p.state = 'pending' AND p.next_at <= statement_timestamp()
            ORDER BY p.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING w.webhook_id, w.request_id, r.token_id, w.url, w.body, w.tries
$$;

-- It was taken (why NULL), or not: then again after wait_s, and after twelve tries never.
CREATE FUNCTION tell_webhook(wid bigint, its_tries integer, why text, wait_s double precision) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    UPDATE webhooks SET error = clean_text(why, 250), sent_at = CASE WHEN why IS NULL THEN clock_timestamp() END,
        state = CASE WHEN why IS NULL THEN 'sent' WHEN wait_s IS NULL OR its_tries >= 12 THEN 'given-up' ELSE 'pending' END,
        next_at = clock_timestamp() + make_interval(secs => coalesce(wait_s, 0))
    WHERE webhook_id = wid AND tries = its_tries AND state = 'pending'
$$;

CREATE FUNCTION service_stats(OUT pending bigint, OUT open bigint, OUT webhooks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT (SELECT count(*) FROM requests WHERE state = 'pending'),
        (SELECT count(*) FROM requests WHERE state = 'resolved' AND ended_at IS NULL),
        (SELECT count(*) FROM webhooks WHERE state = 'pending')
$$;

-- ---- who may ----

REVOKE ALL ON api_tokens, service_keys, requests, votes, webhooks FROM PUBLIC;
REVOKE ALL ON FUNCTION add_token, revoke_token, find_token, service_key, accept_request, job_seconds, jobs_before,
    request_eta, request_state, request_line, last_lines, request_jobs, request_view, list_requests, list_ended, end_request,
    sweep_requests, claim_request, resolve_request, fail_request, cancel_request, vote_request, claim_webhook, tell_webhook,
    service_stats FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON api_tokens, service_keys, requests, votes, webhooks TO assay_owner;
        GRANT EXECUTE ON FUNCTION add_token, revoke_token, find_token, service_key, accept_request, job_seconds,
            jobs_before, request_eta, request_state, request_line, last_lines, request_jobs, request_view, list_requests, list_ended,
            end_request, sweep_requests, claim_request, resolve_request, fail_request, cancel_request, vote_request,
            claim_webhook, tell_webhook, service_stats TO assay_owner;
        GRANT EXECUTE ON FUNCTION find_token, service_key, accept_request, request_view, list_requests, list_ended, sweep_requests,
            claim_request, resolve_request, fail_request, cancel_request, vote_request, claim_webhook, tell_webhook, service_stats
            TO assay_submitter;
        GRANT EXECUTE ON FUNCTION add_token, revoke_token, cancel_request TO assay_ops;
        GRANT SELECT ON requests, votes, webhooks TO assay_ops;
        GRANT SELECT (token_id, name, username, org, scopes, created_at, expires_at, revoked_at) ON api_tokens TO assay_ops;
    END IF;
END $$;
