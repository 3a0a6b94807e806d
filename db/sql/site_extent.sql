-- $1 how many. One row: how many runs are shown, when they changed last, and the number of the run behind the so many with the highest
-- numbers (0: there are fewer).
SELECT count(*) AS n_runs, max(finished_at) AS finished_at, max(superseded_at) AS superseded_at,
    coalesce((SELECT run_id FROM site_runs l WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = l.model)
        ORDER BY run_id DESC LIMIT 1 OFFSET $1::bigint), 0) AS last_listed
FROM site_runs b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
