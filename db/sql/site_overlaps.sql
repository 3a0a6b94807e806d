-- No parameters. What was found of tasks in corpora, the newest of each corpus.
SELECT task_id, task, corpus, corpus_sha256, data_sha256, n, words, documents, too_short, contaminated, found_at
FROM site_overlaps ORDER BY task COLLATE "C", task_id, corpus COLLATE "C", n
