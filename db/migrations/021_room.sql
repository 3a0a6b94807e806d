-- Whether any worker that is there has room for a job, and if not, what it lacks: for who waits for it, and would otherwise
-- be told that its turn comes.

-- A number of a worker's machine, as it registered it ({"machine": {"memory_mb", "disk_mb", "gpus", "device", "dtypes"}}); NULL,
-- which is any, where it said nothing or no number.
CREATE FUNCTION machine_number(info jsonb, what text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(info -> 'machine' -> what) = 'number' THEN (info -> 'machine' ->> what)::numeric END
$$;

-- NULL where one has room, or where there is none at all, else {"workers": how many there are, "needs": what the job does,
-- "most": the most of each that one has, "lacks": what none has; empty where each has some}. It is take_job that decides.
CREATE FUNCTION job_room(j jobs) RETURNS jsonb LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    WITH machines AS (
        SELECT machine_number(info, 'memory_mb') AS memory_mb, machine_number(info, 'disk_mb') AS disk_mb,
            machine_number(info, 'gpus') AS gpus, info -> 'machine' ->> 'device' AS device,
            string_to_array(info -> 'machine' ->> 'dtypes', ',') AS dtypes
        FROM workers WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min'),
    looked AS (
        SELECT *, coalesce(j.needs_mb <= memory_mb, true) AS in_memory, coalesce(j.needs_disk_mb <= disk_mb, true) AS on_disk,
            coalesce(j.needs_gpus <= gpus, true) AS on_gpus, coalesce(j.needs_device = device, true) AS on_device,
            coalesce(j.needs_dtype = ANY (dtypes), true) AS in_dtype
        FROM machines),
    told AS (
        SELECT count(*) AS n, bool_or(in_memory AND on_disk AND on_gpus AND on_device AND in_dtype) AS fits,
            max(memory_mb) AS memory_mb, max(disk_mb) AS disk_mb, max(gpus) AS gpus,
            array_remove(ARRAY[CASE WHEN NOT bool_or(on_device) THEN 'device' END, CASE WHEN NOT bool_or(on_gpus) THEN 'gpus' END,
                CASE WHEN NOT bool_or(in_memory) THEN 'memory_mb' END, CASE WHEN NOT bool_or(in_dtype) THEN 'dtype' END,
                CASE WHEN NOT bool_or(on_disk) THEN 'disk_mb' END], NULL) AS lacks
        FROM looked)
    SELECT jsonb_build_object('workers', n, 'lacks', to_jsonb(lacks),
        'needs', jsonb_strip_nulls(jsonb_build_object('memory_mb', nullif(j.needs_mb, 0), 'disk_mb', nullif(j.needs_disk_mb, 0),
            'gpus', nullif(j.needs_gpus, 0), 'device', j.needs_device, 'dtype', j.needs_dtype)),
        'most', jsonb_strip_nulls(jsonb_build_object('memory_mb', memory_mb, 'disk_mb', disk_mb, 'gpus', gpus)))
    FROM told WHERE n > 0 AND NOT fits
$$;

-- Most jobs need nothing in particular, and no worker is looked at for them.
CREATE FUNCTION is_choosy(j jobs) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT j.needs_mb > 0 OR j.needs_disk_mb > 0 OR j.needs_gpus > 0 OR j.needs_device IS NOT NULL OR j.needs_dtype IS NOT NULL
$$;

-- As 015 has it, and what becomes of a job that nobody has room for is not known.
CREATE OR REPLACE FUNCTION request_eta(sub bigint) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = assay, pg_temp AS $$
DECLARE last jobs; low double precision; high double precision; n_ahead bigint; n_known bigint;
    workers bigint := (SELECT count(*) FROM workers WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min');
BEGIN
    SELECT j.* INTO last FROM jobs j JOIN submission_jobs USING (job_id) WHERE submission_id = sub AND j.state IN ('queued', 'leased')
        ORDER BY (j.state = 'queued') DESC, j.priority DESC, j.turn DESC, j.job_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF workers = 0 THEN
        RETURN jsonb_build_object('workers', 0, 'unknown', 'no worker is running');
    ELSIF EXISTS (SELECT 1 FROM jobs j JOIN submission_jobs USING (job_id) WHERE submission_id = sub AND j.state = 'queued'
        AND is_choosy(j) AND job_room(j) IS NOT NULL) THEN
        RETURN jsonb_build_object('workers', workers, 'unknown', 'no worker that is running has room for it');
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

-- As 015 has it, with "room" of those that are queued.
CREATE OR REPLACE FUNCTION request_jobs(sub bigint) RETURNS jsonb LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_object('job', job_id, 'task', name, 'state', state, 'paused', paused, 'attempt', attempt,
        'progress', progress, 'ahead', ahead, 'room', room, 'again_at', again_at,
        'finished_at', finished_at, 'error_class', error_class, 'error', error,
        'log', CASE WHEN place <= 20 THEN last_lines(log, 50) END) ORDER BY place)
    FROM (SELECT j.job_id, t.name, j.state, t.paused_at IS NOT NULL AS paused, j.attempt, j.progress, j.finished_at,
            j.error_class, j.error, a.log,
            CASE WHEN j.state = 'queued' THEN (SELECT count(*) FROM jobs_before(j)) END AS ahead,
            CASE WHEN j.state = 'queued' AND is_choosy(j) THEN job_room(j) END AS room,
            CASE WHEN j.state = 'waiting' AND isfinite(j.run_at) THEN j.run_at END AS again_at,
            row_number() OVER (ORDER BY array_position(ARRAY['leased', 'dead', 'waiting', 'queued', 'cancelled', 'done'], j.state::text), j.job_id) AS place
        FROM submission_jobs sj JOIN jobs j USING (job_id) JOIN tasks t USING (task_id)
        LEFT JOIN attempts a ON (a.job_id, a.attempt) = (j.job_id, j.attempt) WHERE sj.submission_id = sub
        ORDER BY place LIMIT 500) x
$$;

REVOKE ALL ON FUNCTION machine_number, job_room, is_choosy FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT EXECUTE ON FUNCTION machine_number, job_room, is_choosy TO assay_owner;
    END IF;
END $$;
