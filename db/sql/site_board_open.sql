-- $1 suite, $2 whether with the scores of documents. What its board shows, the newest revision of each model: site_board's rows
-- with what of a run its cells are told apart by. The number of the suite goes into the view, its name would not.
DECLARE board_rows NO SCROLL CURSOR FOR
SELECT b.model, b.revision, b.licence, b.architecture, b.params, b.size_bytes, b.precision, b.weight_type, b.task_id,
    b.kind, b.run_id, b.value, b.stderr, b.low, b.high, b.n, b.dtype, b.isa, b.device, b.seconds, b.tokens_computed, b.finished_at,
    b.data_sha256, CASE WHEN $2::boolean THEN b.record -> 'scores' END AS scores
FROM site_board b
WHERE b.suite_id = (SELECT max(suite_id) FROM site_suite_tasks WHERE suite = $1) AND b.newest
    AND b.model NOT IN (SELECT model FROM site_tombstones)
ORDER BY b.model COLLATE "C", b.precision COLLATE "C", b.weight_type COLLATE "C", b.position, b.run_id
