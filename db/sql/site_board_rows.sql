-- $1 suite, $2 whether with the scores of documents. What its board shows, the newest revision of each model: site_board's rows
-- with what of a run its cells are told apart by.
SELECT b.suite, b.model, b.revision, b.licence, b.architecture, b.params, b.size_bytes, b.precision, b.weight_type, b.task_id,
    b.kind, b.run_id, b.value, b.stderr, b.low, b.high, b.n, b.dtype, b.isa, b.device, b.seconds, b.tokens_computed, b.finished_at,
    r.data_sha256, CASE WHEN $2::boolean THEN r.record -> 'scores' END AS scores
FROM site_board b JOIN site_runs r ON r.run_id = b.run_id
WHERE b.suite = $1 AND b.newest AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY b.model COLLATE "C", b.precision COLLATE "C", b.weight_type COLLATE "C", b.position, b.run_id
