-- What is shown to whom. A suite may be private: what was asked of it alone is then told to those who may read it, in lists,
-- in the feed and in the queue; and the site's builder sees which models no open suite was asked about. The queue is shown as
-- it is, whoever put a job in: by a request, by a command, or by a night.

-- Which suites a model was ever asked for.
CREATE VIEW site_asked AS
    SELECT DISTINCT m.name AS model, u.name AS suite
    FROM submissions s JOIN revisions USING (revision_id) JOIN models m USING (model_id) JOIN suites u USING (suite_id);

-- Newest first, those before request `before`; none of the suites in `closed`.
DROP FUNCTION list_requests(bigint, integer);
CREATE FUNCTION list_requests(before bigint, n integer, closed text[]) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = assay, pg_temp AS $$
    SELECT coalesce(jsonb_agg(request_line(r) ORDER BY r.request_id DESC), '[]') FROM (SELECT * FROM requests x
        WHERE (before IS NULL OR x.request_id < before) AND x.suite <> ALL (closed)
        ORDER BY x.request_id DESC LIMIT least(n, 200)) r
$$;

DROP FUNCTION list_ended(integer);
CREATE FUNCTION list_ended(n integer, closed text[]) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = assay, pg_temp AS $$
    SELECT coalesce(jsonb_agg(request_line(r) ORDER BY r.ended_at DESC, r.request_id DESC), '[]') FROM (SELECT * FROM requests
        WHERE ended_at IS NOT NULL AND suite <> ALL (closed) ORDER BY ended_at DESC, request_id DESC LIMIT least(n, 200)) r
$$;

-- Whether nobody but readers of closed suites may know of a job: no submission to another suite asks for it.
CREATE FUNCTION job_is_closed(jid bigint, closed text[]) RETURNS boolean LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT cardinality(closed) > 0 AND NOT EXISTS (SELECT 1 FROM submission_jobs sj JOIN submissions s USING (submission_id)
        JOIN suites u USING (suite_id) WHERE sj.job_id = jid AND u.name <> ALL (closed))
$$;

-- Jobs under way, then those that are queued, in the order of claims, each with how many are claimed before it. Of the first
-- thousand, those that may be shown, n at most. `request`: the newest that asked for it and may be shown.
CREATE FUNCTION list_queue(n integer, closed text[]) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = assay, pg_temp AS $$
    WITH first AS MATERIALIZED (
        (SELECT job_id, 0 AS late, row_number() OVER (ORDER BY priority, turn, job_id) - 1 AS ahead
            FROM jobs WHERE state = 'leased' ORDER BY priority, turn, job_id LIMIT 1000)
        UNION ALL (SELECT job_id, 1, row_number() OVER (ORDER BY priority, turn, job_id) - 1
            FROM jobs WHERE state = 'queued' ORDER BY priority, turn, job_id LIMIT 1000)),
    shown AS MATERIALIZED (
        SELECT f.*, m.name AS model FROM first f JOIN jobs USING (job_id) JOIN revisions USING (revision_id) JOIN models m USING (model_id)
        WHERE NOT job_is_closed(job_id, closed) AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = m.name)
        ORDER BY late, ahead LIMIT least(greatest(n, 0), 200))
    SELECT coalesce(jsonb_agg(jsonb_build_object('job', j.job_id, 'model', s.model, 'commit', v.commit, 'task', t.name,
        'state', j.state, 'priority', j.priority, 'ahead', CASE WHEN s.late = 1 THEN s.ahead END, 'attempt', j.attempt,
        'progress', j.progress, 'purpose', j.purpose, 'queued_at', j.queued_at, 'request', (SELECT max(r.request_id)
            FROM submission_jobs sj JOIN requests r USING (submission_id) WHERE sj.job_id = j.job_id AND r.suite <> ALL (closed)))
        ORDER BY s.late, s.ahead), '[]')
    FROM shown s JOIN jobs j USING (job_id) JOIN revisions v USING (revision_id) JOIN tasks t USING (task_id)
$$;

REVOKE ALL ON site_asked FROM PUBLIC;
REVOKE ALL ON FUNCTION list_requests, list_ended, list_queue, job_is_closed FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON site_asked TO assay_owner;
        GRANT SELECT ON site_asked TO assay_site, assay_ops;
        GRANT EXECUTE ON FUNCTION list_requests, list_ended, list_queue, job_is_closed TO assay_owner;
        GRANT EXECUTE ON FUNCTION list_requests, list_ended, list_queue TO assay_submitter;
    END IF;
END $$;
