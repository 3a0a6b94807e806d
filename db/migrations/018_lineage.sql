-- Where weights come from: prints of each revision's tensors, told by the job's process before it evaluates. Copies under other
-- names, merges and fine-tunes that share tensors, near copies by the correlation of samples. All of it is of samples: of a large
-- tensor some stretches are read, so equal prints are equal tensors as far as anybody looked (`n_read` of `n_values`).

CREATE TABLE revision_prints (
    revision_id bigint PRIMARY KEY REFERENCES revisions,
    n_tensors integer NOT NULL CONSTRAINT revision_prints_tensors CHECK (n_tensors > 0),
    n_values bigint NOT NULL,
    n_read bigint NOT NULL,
    layout hash256 NOT NULL, -- names and sizes of the largest tensors: samples of one layout can be compared
    sequence hash256 NOT NULL, -- all tensors' hashes in the order of their names: the same tensors in the same places
    config hash256, -- of config.json without what says who saved it; NULL where there is none, and no copy is told then
    hashes text[] NOT NULL CONSTRAINT revision_prints_hashes_few CHECK (cardinality(hashes) <= 8192),
    sample real[] NOT NULL CONSTRAINT revision_prints_sample_small CHECK (cardinality(sample) <= 16384),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT revision_prints_read CHECK (n_read BETWEEN 0 AND n_values),
    CONSTRAINT revision_prints_finite CHECK (NOT ('{NaN,Infinity,-Infinity}'::real[] && sample))
);
CREATE INDEX revision_prints_shared ON revision_prints USING gin (hashes);
CREATE INDEX revision_prints_layout ON revision_prints (layout);

-- What turns equal weights into answers: tokenizer, modules, pooling, prompts. Copies have these alike, too.
CREATE FUNCTION parts_of(manifest jsonb) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = assay, pg_temp AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(f ->> 'path' || ' ' || coalesce(f ->> 'sha256', f ->> 'git_sha1'), E'\n'
        ORDER BY f ->> 'path' COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM jsonb_array_elements(CASE jsonb_typeof(manifest -> 'files') WHEN 'array' THEN manifest -> 'files' ELSE '[]' END) f
    WHERE f ->> 'path' ~ ('(^|/)(tokenizer(_config)?\.json|vocab\.[a-z]+|merges\.txt|[a-z.]*\.model|modules\.json|'
            || 'chat_template\.[a-z]+|config_sentence_transformers\.json|sentence_[a-z]+_config\.json)$')
        OR f ->> 'path' ~ '^[0-9]+_[A-Za-z]+/'
$$;

-- Prints of the revision of a job, by whoever holds its present attempt. Answers what it is a copy of: another's tensors, each in
-- the place of its own, with that one's configuration and parts, where that one has results and no person approved the copy. Else
-- NULLs. `share` of its values were read to say so.
CREATE FUNCTION put_prints(w uuid, jid bigint, att integer, p jsonb, OUT original text, OUT share double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs; v revisions; its_name text; o record;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid;
    IF NOT FOUND OR NOT holds_attempt(j, att, w) THEN
        RETURN;
    END IF;
    INSERT INTO revision_prints (revision_id, n_tensors, n_values, n_read, layout, sequence, config, hashes, sample)
        VALUES (j.revision_id, (p ->> 'tensors')::integer, (p ->> 'values')::bigint, (p ->> 'read')::bigint, p ->> 'layout',
            p ->> 'sequence', p ->> 'config',
            ARRAY(SELECT h FROM jsonb_array_elements_text(p -> 'hashes') h WHERE h ~ '^[0-9a-f]{32}$' ORDER BY h),
            ARRAY(SELECT x::real FROM jsonb_array_elements_text(p -> 'sample') WITH ORDINALITY s (x, place) ORDER BY place))
        ON CONFLICT DO NOTHING;
    SELECT x.* INTO STRICT v FROM revisions x WHERE x.revision_id = j.revision_id;
    SELECT m.name INTO STRICT its_name FROM models m WHERE m.model_id = v.model_id;
    IF (SELECT s.standing FROM standing_of(its_name) s) = 'approved' OR EXISTS (SELECT 1 FROM runs r JOIN revisions k USING (revision_id)
        WHERE k.model_id = v.model_id) THEN
        RETURN;
    END IF;
    SELECT m.name, k.commit, a.n_read::float8 / greatest(a.n_values, 1) AS share INTO o
        FROM revision_prints a JOIN revision_prints b ON b.layout = a.layout AND b.sequence = a.sequence AND b.n_tensors = a.n_tensors
            AND b.config = a.config AND cardinality(a.hashes) > 0
        JOIN revisions k ON k.revision_id = b.revision_id JOIN models m ON m.model_id = k.model_id
        WHERE a.revision_id = v.revision_id AND k.model_id <> v.model_id AND parts_of(k.manifest) = parts_of(v.manifest)
            AND EXISTS (SELECT 1 FROM runs r WHERE r.revision_id = k.revision_id)
        ORDER BY k.revision_id LIMIT 1;
    IF o.name IS NOT NULL THEN
        PERFORM note_copy(its_name, v.commit, o.name, o.commit);
        original := o.name;
        share := o.share;
    END IF;
END $$;

-- The newest prints of a model.
CREATE FUNCTION prints_of(its_name text) RETURNS revision_prints LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT p FROM revision_prints p JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
    WHERE m.name = its_name ORDER BY p.revision_id DESC LIMIT 1
$$;

-- What is related to the model: how many of its tensors the other has, how many of the other's it has, and how much their samples
-- go together (NULL: other layouts). A copy has equal tensors in equal places; elsewhere they are another model.
CREATE FUNCTION lineage_of(its_name text)
RETURNS TABLE (model text, revision text, relation text, ours double precision, theirs double precision, correlation double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    WITH me AS (SELECT (p).* FROM prints_of(its_name) p WHERE p IS NOT NULL),
    other AS (SELECT m.name, v.commit, p.sequence = me.sequence AND p.n_tensors = me.n_tensors AS same,
            cardinality(p.hashes) AS n, cardinality(me.hashes) AS n_me,
            (SELECT count(*) FROM (SELECT unnest(p.hashes) INTERSECT SELECT unnest(me.hashes)) s)::float8 AS shared,
            CASE WHEN p.layout = me.layout AND cardinality(p.sample) = cardinality(me.sample)
                THEN (SELECT corr(a, b) FROM unnest(p.sample, me.sample) s (a, b)) END AS r
        FROM me JOIN revision_prints p ON p.revision_id <> me.revision_id AND (p.hashes && me.hashes OR p.layout = me.layout)
        JOIN revisions v ON v.revision_id = p.revision_id JOIN models m ON m.model_id = v.model_id)
    SELECT o.name, o.commit, CASE
            WHEN o.same THEN 'equal tensors'
            WHEN o.shared = o.n AND o.shared = o.n_me AND o.shared > 0 THEN 'equal tensors, elsewhere'
            WHEN o.r >= 0.9995 THEN 'near copy'
            WHEN o.r >= 0.9 THEN 'tuned or merged'
            ELSE 'shares tensors' END,
        o.shared / nullif(o.n_me, 0), o.shared / nullif(o.n, 0), o.r
    FROM other o WHERE o.same OR o.shared > 0 OR o.r >= 0.9
    ORDER BY o.same DESC, coalesce(o.r, 0) + o.shared / greatest(o.n_me, 1) DESC, o.name LIMIT 100
$$;

-- Is it put together of others? By tensors: models none of which has most of them have nearly all, each a part. By weights: its
-- sample is a sum of two others' with positive factors, which leaves a tenth of what the better one alone leaves, or less; what
-- was merged is no such sum of the merge and another. `fit` is the share of tensors, or of variance, that they explain.
CREATE FUNCTION merge_of(its_name text) RETURNS TABLE (how text, parents text[], fit double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE me revision_prints := prints_of(its_name); mine bigint; o record; names text[] := '{}'; covered text[] := '{}'; added text[];
BEGIN
    IF me IS NULL THEN
        RETURN;
    END IF;
    SELECT v.model_id INTO STRICT mine FROM revisions v WHERE v.revision_id = me.revision_id;
    FOR o IN SELECT x.name, x.has FROM (
            SELECT v.revision_id, m.name, ARRAY(SELECT unnest(p.hashes) INTERSECT SELECT unnest(me.hashes)) AS has
            FROM revision_prints p JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
            WHERE p.hashes && me.hashes AND v.model_id <> mine) x
        WHERE cardinality(x.has) < 0.9 * cardinality(me.hashes) ORDER BY cardinality(x.has) DESC, x.revision_id LIMIT 16 LOOP
        added := ARRAY(SELECT unnest(o.has) EXCEPT SELECT unnest(covered));
        IF cardinality(added) >= 0.05 * cardinality(me.hashes) THEN
            names := names || o.name;
            covered := covered || added;
        END IF;
    END LOOP;
    IF cardinality(names) > 1 AND cardinality(covered) >= 0.9 * cardinality(me.hashes) THEN
        RETURN QUERY SELECT 'tensors', names, cardinality(covered)::float8 / cardinality(me.hashes);
        RETURN;
    END IF;
    RETURN QUERY WITH alike AS MATERIALIZED (
        SELECT x.* FROM (SELECT DISTINCT ON (p.sequence) m.name, p.revision_id, p.sample, -- not its copies
                (SELECT corr(a, b) FROM unnest(p.sample, me.sample) s (a, b)) AS r
            FROM revision_prints p JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
            WHERE p.layout = me.layout AND cardinality(p.sample) = cardinality(me.sample) AND v.model_id <> mine
            ORDER BY p.sequence, p.revision_id) x
        WHERE x.r BETWEEN 0.1 AND 0.9999 ORDER BY x.r DESC, x.revision_id LIMIT 8),
    pair AS (SELECT a.name AS first, b.name AS second, a.r AS r1, b.r AS r2,
            (SELECT corr(x, y) FROM unnest(a.sample, b.sample) s (x, y)) AS r12 FROM alike a JOIN alike b ON a.name <> b.name
            AND (a.r, a.revision_id) > (b.r, b.revision_id)),
    sum_of AS (SELECT q.*, (q.r1 * q.r1 + q.r2 * q.r2 - 2 * q.r1 * q.r2 * q.r12) / (1 - q.r12 * q.r12) AS explained FROM pair q
        WHERE abs(q.r12) < 0.99999 AND q.r1 > q.r2 * q.r12 AND q.r2 > q.r1 * q.r12)
    SELECT 'weights', ARRAY[q.first, q.second], least(q.explained, 1) FROM sum_of q
    WHERE q.explained >= 0.99 AND 1 - q.explained <= 0.1 * (1 - q.r1 * q.r1) ORDER BY q.explained DESC, q.first, q.second LIMIT 1;
END $$;

-- What its card says it was made of, and whether that model's weights are here to compare.
CREATE FUNCTION bases_of(its_name text) RETURNS TABLE (model text, here boolean, comparable boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    WITH card AS (SELECT v.card -> 'base_model' AS said FROM revisions v JOIN models m USING (model_id) WHERE m.name = its_name
        ORDER BY v.revision_id DESC LIMIT 1),
    named AS (SELECT x #>> '{}' AS name FROM card, jsonb_array_elements(CASE jsonb_typeof(card.said) WHEN 'array' THEN card.said
        WHEN 'string' THEN jsonb_build_array(card.said) ELSE '[]' END) x WHERE jsonb_typeof(x) = 'string')
    SELECT left(n.name, 200), p IS NOT NULL, coalesce((p).layout = (me).layout, false)
    FROM named n, prints_of(n.name) p, prints_of(its_name) me LIMIT 20
$$;

-- How much of the model was read for all that.
CREATE FUNCTION prints_read(its_name text, OUT revision text, OUT tensors integer, OUT share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT v.commit, p.n_tensors, p.n_read::float8 / greatest(p.n_values, 1)
    FROM prints_of(its_name) p JOIN revisions v USING (revision_id)
$$;

REVOKE ALL ON revision_prints FROM PUBLIC;
REVOKE ALL ON FUNCTION parts_of, put_prints, prints_of, lineage_of, merge_of, bases_of, prints_read FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON revision_prints TO assay_owner;
        GRANT EXECUTE ON FUNCTION parts_of, put_prints, prints_of, lineage_of, merge_of, bases_of, prints_read TO assay_owner;
        GRANT EXECUTE ON FUNCTION put_prints TO assay_worker;
        GRANT EXECUTE ON FUNCTION lineage_of, merge_of, bases_of, prints_read TO assay_ops;
        GRANT SELECT ON revision_prints TO assay_ops;
    END IF;
END $$;
