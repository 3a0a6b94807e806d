-- $1 the highest number of a run without a page of its own. One row a task version: what is another as soon as one of the runs that
-- stand is.
SELECT task_id, concat_ws(' ', count(*), sum(hashint8extended(run_id, 0)::numeric),
    count(*) FILTER (WHERE run_id <= $1::bigint), count(superseded_at)) AS mark
FROM site_runs b WHERE current AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model) GROUP BY task_id
