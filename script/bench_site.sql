-- A board of :models models and :tasks tasks in three suites, every model measured on every task: what script/bench site builds a
-- site of. Numbers are made by hashes, so that they are the same each time; their sizes, spreads and errors are those of real boards.
\set ON_ERROR_STOP on
SET search_path = assay;
SET statement_timeout = 0;
SET synchronous_commit = off;

-- 0 <= u < 1, by two numbers.
CREATE FUNCTION pg_temp.u(a bigint, b bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(a, b) & 1073741823) / 1073741824.0
$$;
CREATE FUNCTION pg_temp.hex(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT encode(sha256(t::bytea), 'hex') $$;

INSERT INTO models (name)
    SELECT format('lab-%s/%s-%s-%s', 1 + i % 400, (ARRAY['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord'])[1 + i % 6],
        (ARRAY['0.1b', '0.5b', '1b', '3b', '7b', '13b', '70b'])[1 + i % 7], i) FROM generate_series(1, :models) i;
INSERT INTO revisions (model_id, commit, licence, architecture, dtype, params, size_bytes, card)
    SELECT m.model_id, left(pg_temp.hex(m.name), 40), (ARRAY['apache-2.0', 'mit', 'cc-by-nc-4.0', 'llama3.1', 'gemma'])[1 + i % 5],
        (ARRAY['LlamaForCausalLM', 'Qwen3ForCausalLM', 'BertModel', 'GemmaForCausalLM'])[1 + i % 4],
        (ARRAY['BF16', 'F32', 'Q4_K_M'])[1 + i % 3], p.n + i * 1009, (p.n + i * 1009) * 2,
        jsonb_build_object('tags', jsonb_build_array('text', 'assay'), 'base_model', 'lab-1/base')
    FROM models m, LATERAL (SELECT m.model_id AS i) x,
        LATERAL (SELECT (ARRAY[1e8, 5e8, 1e9, 3e9, 7e9, 13e9, 70e9])[1 + i % 7]::bigint AS n) p;

INSERT INTO tasks (name, version, sha256, kind, main, definition)
    SELECT k.kind || '_task_' || i, 1, pg_temp.hex('task' || i), k.kind, k.main,
        jsonb_build_object('title', 'Task ' || i, 'description', 'One of the tasks that this board was made of.', 'baseline', k.chance,
            'licence', 'cc-by-4.0', 'languages', jsonb_build_array('eng'), 'data', jsonb_build_object('repo', 'data/set-' || i))
    FROM generate_series(0, :tasks - 1) i, LATERAL (SELECT * FROM (VALUES (0, 'retrieval', 'ndcg_at_10', 0.0), (1, 'choice', 'acc', 0.25),
        (2, 'generate', 'exact_match', 0.0)) v(suite, kind, main, chance) WHERE v.suite = i * 3 / :tasks) k;
INSERT INTO suites (name, version, sha256, definition)
    SELECT name, 1, pg_temp.hex(name), jsonb_build_object('title', title, 'description', 'A suite of script/bench site.')
    FROM (VALUES ('retrieval', 'Retrieval'), ('knowledge', 'Knowledge'), ('reasoning', 'Reasoning')) v(name, title);
SELECT put_config('{}');
INSERT INTO suite_tasks (suite_id, position, task_id, config_id)
    SELECT 1 + (i * 3 / :tasks), i, 1 + i, (SELECT min(config_id) FROM configurations) FROM generate_series(0, :tasks - 1) i;

-- What a model is worth, how hard a task is, and luck: a model's figures hang together as those of real ones do.
INSERT INTO runs (revision_id, task_id, config_id, harness_build, ordinal, purpose, set_id, main, n, ties, truncated, empty, nan,
        tokens_asked, tokens_computed, seconds, backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256,
        n_chunks, record, started_at, finished_at)
    SELECT v.revision_id, t.task_id, c.config_id, 'bench-1', 1, 'eval', (v.revision_id - 1) * :tasks + t.task_id, t.main,
        400 + 100 * (t.task_id % 17), t.task_id % 3, 0, 0, 0, 90000 + t.task_id * 1000, 30000 + t.task_id * 500,
        10 + 100 * pg_temp.u(v.revision_id, t.task_id), 'cpu', 'avx512_bf16', 'cpu', 'bf16', pg_temp.hex('data' || t.task_id),
        pg_temp.hex('weights' || v.revision_id), pg_temp.hex('bits' || v.revision_id || ' ' || t.task_id),
        pg_temp.hex('record' || v.revision_id || ' ' || t.task_id), 0,
        jsonb_build_object('schema', 'assay.record/1', 'command', jsonb_build_array('assay', 'eval', m.name || '@' || v.commit, '-t', t.name,
            '--dtype', 'bf16'), 'profile', 'lm-eval/0.4.13', 'shots', 0, 'sandbox', 'namespaces, seccomp', 'versions',
            jsonb_build_object('lua', '5.4', 'pcre2', '10.42')),
        timestamptz '2026-01-01' + v.revision_id * interval '1 min', timestamptz '2026-01-01' + v.revision_id * interval '1 min'
            + t.task_id * interval '1 s'
    FROM revisions v JOIN models m USING (model_id) CROSS JOIN tasks t CROSS JOIN (SELECT min(config_id) AS config_id FROM configurations) c
    ORDER BY v.revision_id, t.task_id;
CREATE TEMP TABLE figures AS
    SELECT r.run_id, r.main, r.n, least(0.98, greatest(0.02, 0.15 + 0.5 * pg_temp.u(r.revision_id, 0) + 0.2 * pg_temp.u(0, r.task_id)
        + 0.08 * pg_temp.u(r.revision_id, r.task_id))) AS value FROM runs r;
INSERT INTO results (run_id, subset, metric, value, stderr, n)
    SELECT run_id, '', x.metric, x.value, sqrt(x.value * (1 - x.value) / n), n FROM figures f, LATERAL (VALUES (f.main, f.value),
        (f.main || '_loose', least(0.99, f.value * 1.1))) x(metric, value);
INSERT INTO standing_runs (revision_id, task_id, config_id, run_id) SELECT revision_id, task_id, config_id, run_id FROM runs;
VACUUM ANALYZE;
