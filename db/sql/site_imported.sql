-- $1 suite (NULL: all). What was imported of a suite's tasks, by model and task, the newest of each: rows as site_board's, which
-- are in no rank unless a reader asks for it.
SELECT DISTINCT ON (b.suite COLLATE "C", b.model COLLATE "C", b.position) b.suite, b.model, b.revision, b.licence, b.architecture, b.params,
    b.size_bytes, b.dtype AS precision, 'imported' AS weight_type, b.position, b.task_id, b.task, b.kind, b.run_id, b.metric, b.value,
    b.stderr, b.low, b.high, b.n, b.dtype, b.profile, b.shots, b.format, 'imported' AS origin, b.finished_at
FROM site_imported b WHERE ($1::text IS NULL OR b.suite = $1)
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY b.suite COLLATE "C", b.model COLLATE "C", b.position, b.finished_at DESC, b.run_id DESC
