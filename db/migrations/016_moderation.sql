-- What people decide about models: whether one may be evaluated, what waits for that decision, what was withdrawn from the
-- pages, and who decided it, why and when. Results are never touched: what is withdrawn is not shown, and all of it comes
-- back when the decision does. Errors: ZA001 bad argument, ZA002 no such row, ZA003 refused.

-- Every decision, for good. `events` are swept by age; this is not.
CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL CONSTRAINT audit_actor_length CHECK (octet_length(actor) BETWEEN 1 AND 200), -- who says so
    login text NOT NULL DEFAULT session_user,                                                       -- who was connected
    action text NOT NULL CONSTRAINT audit_action_length CHECK (octet_length(action) BETWEEN 1 AND 60),
    subject text NOT NULL CONSTRAINT audit_subject_length CHECK (octet_length(subject) BETWEEN 1 AND 400),
    reason text NOT NULL CONSTRAINT audit_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 1000),
    data jsonb NOT NULL DEFAULT '{}' CONSTRAINT audit_data_small CHECK (pg_column_size(data) < 16384)
);
CREATE INDEX audit_subject ON audit (subject);

CREATE FUNCTION refuse_always() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never changed', TG_TABLE_NAME USING ERRCODE = 'ZA003';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION refuse_always();

-- No decision without a reason and somebody whose it is.
CREATE FUNCTION check_decision(who text, why text) RETURNS void LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
BEGIN
    IF coalesce(clean_text(why, 250), '') = '' OR coalesce(clean_text(who, 50), '') = '' THEN
        RAISE EXCEPTION 'a decision needs a reason and somebody whose it is' USING ERRCODE = 'ZA001';
    ELSIF length(why) > 250 OR length(who) > 50 THEN
        RAISE EXCEPTION 'a reason has at most 250 characters, a name 50' USING ERRCODE = 'ZA001';
    END IF;
END $$;

CREATE FUNCTION note_decision(who text, action text, subject text, why text, its_data jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
BEGIN
    PERFORM check_decision(who, why);
    INSERT INTO audit (actor, action, subject, reason, data)
        VALUES (clean_text(who, 50), action, subject, clean_text(why, 250), its_data);
END $$;

-- A model, or all of an organisation's: "org/*".
CREATE FUNCTION is_subject(name text) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = assay, pg_temp AS $$
    SELECT name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/([*]|[A-Za-z0-9_][A-Za-z0-9._-]{0,95})$' AND name !~ '(\.\.|--|\.git$)'
$$;

-- The last decision on it. A model's own goes before its organisation's. A hub finds a model however its name is capitalised,
-- so decisions do, too.
CREATE TABLE standings (
    name text PRIMARY KEY CONSTRAINT standings_name_grammar CHECK (is_subject(name)),
    standing text NOT NULL CONSTRAINT standings_standing CHECK (standing IN ('approved', 'banned', 'withdrawn')),
    reason text NOT NULL CONSTRAINT standings_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 1000),
    actor text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX standings_once ON standings (lower(name));

-- Submissions that a person is to look at. Nothing of them is in the queue until then.
CREATE TABLE held_submissions (
    held_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    commit text NOT NULL,
    suite text NOT NULL,
    submitter text NOT NULL,
    code text NOT NULL CONSTRAINT held_submissions_code_length CHECK (octet_length(code) BETWEEN 1 AND 60),
    reason text NOT NULL CONSTRAINT held_submissions_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 1000),
    request jsonb NOT NULL CONSTRAINT held_submissions_request_small CHECK (pg_column_size(request) < 4194304),
    request_sha256 hash256 NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at timestamptz,
    decision text CONSTRAINT held_submissions_decision CHECK (decision IN ('approved', 'banned', 'withdrawn')),
    submission_id bigint REFERENCES submissions,
    CONSTRAINT held_submissions_decided CHECK ((decided_at IS NULL) = (decision IS NULL))
);
CREATE UNIQUE INDEX held_submissions_once ON held_submissions (submitter, model, commit, suite, request_sha256) WHERE decided_at IS NULL;
CREATE INDEX held_submissions_open ON held_submissions (model) WHERE decided_at IS NULL;

CREATE FUNCTION standing_of(model text, OUT standing text, OUT reason text, OUT at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT s.standing, s.reason, s.at FROM standings s
    WHERE lower(s.name) IN (lower(model), lower(split_part(model, '/', 1)) || '/*') ORDER BY s.name LIKE '%/*' LIMIT 1
$$;

-- Does a decision on the subject bear on the model? An organisation's does where the model has none of its own.
CREATE FUNCTION bears_on(subject text, its_name text) RETURNS boolean LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT lower(its_name) = lower(subject) OR (subject LIKE '%/*'
        AND lower(split_part(its_name, '/', 1)) = lower(split_part(subject, '/', 1))
        AND NOT EXISTS (SELECT 1 FROM standings s WHERE lower(s.name) = lower(its_name)))
$$;

-- One decision at a time on what an organisation has. What is submitted or held at that moment waits for it, or it for them:
-- so nothing gets into the queue beside a ban, and nothing is held that was just approved.
CREATE FUNCTION lock_standing(its_name text, deciding boolean) RETURNS void
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE org bigint := hashtextextended(lower(split_part(its_name, '/', 1)), 16);
BEGIN
    IF deciding THEN
        PERFORM pg_advisory_xact_lock(org);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(org);
    END IF;
END $$;

-- Whoever submits what was banned or withdrawn is told so, whichever way it came.
CREATE FUNCTION refuse_banned() RETURNS trigger LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE its_name text; s record;
BEGIN
    SELECT m.name INTO STRICT its_name FROM revisions v JOIN models m USING (model_id) WHERE v.revision_id = NEW.revision_id;
    PERFORM lock_standing(its_name, false);
    SELECT * INTO s FROM standing_of(its_name);
    IF s.standing IN ('banned', 'withdrawn') THEN
        RAISE EXCEPTION 'model "%" is %: %', its_name, s.standing, s.reason USING ERRCODE = 'ZA004';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER submissions_of_banned BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION refuse_banned();

-- A submission that policy wants somebody to look at: 'approved' where somebody did (it may be submitted), else 'held'.
CREATE FUNCTION hold_submission(request jsonb, its_code text, why text, OUT answer text, OUT held_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE
    its_name text := request -> 'model' ->> 'name'; s record;
    hash text := encode(sha256(convert_to((request - 'priority' #- '{model,hub}')::text, 'UTF8')), 'hex');
BEGIN
    IF its_name IS NULL OR request -> 'model' ->> 'commit' IS NULL THEN
        RAISE EXCEPTION 'a submission needs a model at a commit' USING ERRCODE = 'ZA001';
    END IF;
    PERFORM lock_standing(its_name, false);
    SELECT * INTO s FROM standing_of(its_name);
    IF s.standing IN ('banned', 'withdrawn') THEN
        RAISE EXCEPTION 'model "%" is %: %', its_name, s.standing, s.reason USING ERRCODE = 'ZA004';
    END IF;
    IF s.standing = 'approved' THEN
        answer := 'approved';
        RETURN;
    END IF;
    answer := 'held';
    INSERT INTO held_submissions AS h (model, commit, suite, submitter, code, reason, request, request_sha256)
        VALUES (its_name, request -> 'model' ->> 'commit', coalesce(request -> 'suite' ->> 'name', ''),
            coalesce(clean_text(request ->> 'submitter', 50), ''), its_code, clean_text(why, 250), request, hash)
        ON CONFLICT DO NOTHING RETURNING h.held_id INTO held_id;
    IF held_id IS NULL THEN
        SELECT h.held_id INTO held_id FROM held_submissions h WHERE h.decided_at IS NULL AND h.model = its_name
            AND h.commit = request -> 'model' ->> 'commit' AND h.request_sha256 = hash
            AND h.submitter = coalesce(clean_text(request ->> 'submitter', 50), '');
    END IF;
END $$;

-- Jobs of the model, or of an organisation's models that have no decision of their own, that are not over.
CREATE FUNCTION cancel_jobs_of(subject text) RETURNS integer LANGUAGE sql SET search_path = assay, pg_temp AS $$
    SELECT count(*) FILTER (WHERE cancel_job(o.job_id) IN ('cancelled', 'asked'))::integer FROM (
        SELECT j.job_id FROM jobs j JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
        WHERE j.state IN ('waiting', 'queued', 'leased') AND bears_on(subject, m.name)
        ORDER BY j.job_id) o
$$;

-- What was held for this decision. Approved submissions go into the queue as they were handed in.
CREATE FUNCTION decide_held(subject text, its_decision text) RETURNS integer LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
DECLARE h held_submissions; n integer := 0; sub bigint;
BEGIN
    FOR h IN SELECT * FROM held_submissions x WHERE x.decided_at IS NULL AND bears_on(subject, x.model)
        ORDER BY x.held_id FOR UPDATE LOOP
        IF its_decision = 'approved' THEN
            SELECT s.submission_id INTO sub FROM submit(h.request) s LIMIT 1;
        END IF;
        UPDATE held_submissions SET decided_at = clock_timestamp(), decision = its_decision, submission_id = sub
            WHERE held_id = h.held_id;
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- approve, ban, unban, takedown. Answers what it meant: {"was" and "standing": before and now, "held": n decided, "jobs": n
-- cancelled, "results": n that stay}. What was unbanned may still be banned, as its organisation is.
CREATE FUNCTION moderate(action text, subject text, why text, who text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE
    words constant jsonb := '{"approve": "approved", "ban": "banned", "takedown": "withdrawn"}';
    its_standing text := words ->> action; was standings; n_held integer := 0; n_jobs integer := 0; answer jsonb;
BEGIN
    IF action IS DISTINCT FROM 'unban' AND its_standing IS NULL THEN
        RAISE EXCEPTION 'there is no decision "%"', action USING ERRCODE = 'ZA001';
    ELSIF NOT coalesce(is_subject(subject), false) THEN
        RAISE EXCEPTION '"%" names no model: org/name does, or org/* for all of an organisation''s', subject USING ERRCODE = 'ZA001';
    END IF;
    PERFORM check_decision(who, why);
    PERFORM lock_standing(subject, true);
    SELECT * INTO was FROM standings s WHERE lower(s.name) = lower(subject);
    IF action = 'unban' THEN
        IF was.standing IS NULL OR was.standing = 'approved' THEN
            RAISE EXCEPTION '"%" is not banned', subject USING ERRCODE = 'ZA002';
        END IF;
        DELETE FROM standings s WHERE s.name = was.name;
    ELSE
        INSERT INTO standings (name, standing, reason, actor)
            VALUES (subject, its_standing, clean_text(why, 250), clean_text(who, 50))
            ON CONFLICT ((lower(name))) DO UPDATE SET name = excluded.name, standing = excluded.standing,
                reason = excluded.reason, actor = excluded.actor, at = clock_timestamp();
        n_held := decide_held(subject, its_standing);
    END IF;
    IF its_standing IN ('banned', 'withdrawn') THEN
        n_jobs := cancel_jobs_of(subject);
    END IF;
    answer := jsonb_build_object('was', was.standing, 'standing', (SELECT s.standing FROM standing_of(subject) s), 'held', n_held,
        'jobs', n_jobs, 'results', (SELECT count(*) FROM runs r JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
            WHERE bears_on(subject, m.name)));
    PERFORM note_decision(who, action, subject, why, answer);
    INSERT INTO events (kind, data) VALUES ('moderation.' || action, jsonb_build_object('subject', subject, 'why', clean_text(why, 250)));
    RETURN answer;
END $$;

-- ---- what is shown ----

-- Models that were withdrawn: their pages say so, and nothing else says anything of them.
CREATE VIEW site_tombstones AS
    SELECT m.name AS model, s.reason, s.at AS withdrawn_at FROM models m CROSS JOIN LATERAL standing_of(m.name) s
    WHERE s.standing = 'withdrawn';

CREATE VIEW moderation_queue AS
    SELECT held_id, model, commit, suite, submitter, code, reason, created_at FROM held_submissions WHERE decided_at IS NULL;

-- Why discovery need not look at the model: it was submitted for the suite, waits for a person, or was decided against.
CREATE FUNCTION discover_known(its_name text, its_suite text) RETURNS TABLE (why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT x.why FROM (
        SELECT 1 AS place, s.standing AS why FROM standing_of(its_name) s WHERE s.standing IN ('banned', 'withdrawn')
        UNION ALL SELECT 2, 'held' FROM held_submissions h WHERE h.decided_at IS NULL AND h.model = its_name AND h.suite = its_suite
        UNION ALL SELECT 3, 'submitted' FROM submissions b JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
            JOIN suites s USING (suite_id) WHERE m.name = its_name AND s.name = its_suite AND b.cancelled_at IS NULL
    ) x ORDER BY x.place LIMIT 1
$$;

-- ---- equal content under another name ----

-- One hash over the files of a manifest that bear on a result, by content alone: whatever a repository is called and
-- whatever its card says. NULL where the files are not known.
CREATE FUNCTION content_of(manifest jsonb) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = assay, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(f ->> 'path' || ' ' || coalesce(f ->> 'sha256', f ->> 'git_sha1'), E'\n'
        ORDER BY f ->> 'path' COLLATE "C"), 'UTF8')), 'hex')
    FROM jsonb_array_elements(CASE jsonb_typeof(manifest -> 'files') WHEN 'array' THEN manifest -> 'files' ELSE '[]' END) f
    WHERE f ->> 'path' !~* '(^|/)(\.gitattributes|\.gitignore|\.revision|licen[cs]e[^/]*|[^/]*\.(md|png|jpe?g|gif|svg|pdf))$'
        AND coalesce(f ->> 'sha256', f ->> 'git_sha1') IS NOT NULL
$$;
CREATE INDEX revisions_content ON revisions (content_of(manifest));

-- The first other model with this content that has results: what a copy is linked to instead of being evaluated.
CREATE FUNCTION original_of(its_name text, its_manifest jsonb, OUT model text, OUT revision text, OUT n_runs bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT m.name, v.commit, (SELECT count(*) FROM runs r WHERE r.revision_id = v.revision_id)
    FROM revisions v JOIN models m USING (model_id)
    WHERE content_of(v.manifest) = content_of(its_manifest) AND m.name <> its_name
        AND EXISTS (SELECT 1 FROM runs r WHERE r.revision_id = v.revision_id)
        AND NOT EXISTS (SELECT 1 FROM revisions o JOIN models k USING (model_id) JOIN runs r USING (revision_id)
            WHERE k.name = its_name AND content_of(o.manifest) = content_of(its_manifest)) -- it has results of its own
    ORDER BY v.revision_id LIMIT 1
$$;

-- "org/name is a copy of": said by policy when it was submitted; shown on its page and by `assay model show --lineage`.
CREATE TABLE copies (
    model text NOT NULL CONSTRAINT copies_model_short CHECK (octet_length(model) <= 200),
    commit text NOT NULL,
    of_model text NOT NULL,
    of_commit text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT copies_commits CHECK (commit ~ '^[0-9a-f]{40,64}$' AND of_commit ~ '^[0-9a-f]{40,64}$'),
    PRIMARY KEY (model, commit, of_model, of_commit)
);
CREATE FUNCTION note_copy(its_name text, its_commit text, of_name text, of_rev text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    INSERT INTO copies VALUES (its_name, its_commit, of_name, of_rev) ON CONFLICT DO NOTHING
$$;

CREATE VIEW site_copies AS
    SELECT c.of_model, c.of_commit, c.model FROM copies c CROSS JOIN LATERAL standing_of(c.model) s
    WHERE s.standing IS DISTINCT FROM 'withdrawn' AND s.standing IS DISTINCT FROM 'approved' GROUP BY 1, 2, 3;

REVOKE ALL ON audit, standings, held_submissions, copies, site_copies, site_tombstones, moderation_queue FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_always, check_decision, note_decision, is_subject, standing_of, bears_on, lock_standing, refuse_banned,
    hold_submission, cancel_jobs_of, decide_held, moderate, content_of, original_of, note_copy, discover_known FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON audit, standings, held_submissions, copies, site_copies, site_tombstones, moderation_queue TO assay_owner;
        GRANT EXECUTE ON FUNCTION refuse_always, check_decision, note_decision, is_subject, standing_of, bears_on, lock_standing,
            refuse_banned, hold_submission, cancel_jobs_of, decide_held, moderate, content_of, original_of, note_copy,
            discover_known TO assay_owner;
        GRANT EXECUTE ON FUNCTION hold_submission, standing_of, original_of, note_copy, discover_known TO assay_submitter, assay_ops;
        GRANT EXECUTE ON FUNCTION moderate, content_of TO assay_ops;
        GRANT SELECT ON audit, standings, held_submissions, copies, site_copies, site_tombstones, moderation_queue TO assay_ops;
        GRANT SELECT ON site_tombstones, site_copies TO assay_site;
        GRANT EXECUTE ON FUNCTION standing_of TO assay_site; -- site_tombstones calls it as its reader
    END IF;
END $$;
