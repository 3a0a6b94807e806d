-- $1 the highest number of a run without a page of its own. One row a model: what is another as soon as one of its runs is.
SELECT model, concat_ws(' ', count(*), sum(hashint8extended(run_id, 0)::numeric),
    coalesce(sum(hashint8extended(run_id, 1)::numeric) FILTER (WHERE current), 0), count(*) FILTER (WHERE run_id <= $1::bigint),
    sum(hashtextextended(concat_ws(' ', superseded_at, superseded_why), run_id)::numeric)) AS mark
FROM site_runs GROUP BY model
