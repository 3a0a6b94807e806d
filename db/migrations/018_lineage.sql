-- Where weights come from: prints of each revision's tensors, told by the job's process before it evaluates. Copies under other
-- names, merges and fine-tunes that share tensors, near copies by the correlation of samples.

CREATE TABLE revision_prints (
    revision_id bigint PRIMARY KEY REFERENCES revisions,
    n_tensors integer NOT NULL CONSTRAINT revision_prints_tensors CHECK (n_tensors > 0),
    layout hash256 NOT NULL, -- names and sizes of the largest tensors: samples of one layout can be compared
    hashes text[] NOT NULL CONSTRAINT revision_prints_hashes_few CHECK (cardinality(hashes) <= 8192),
    sample real[] NOT NULL CONSTRAINT revision_prints_sample_small CHECK (cardinality(sample) <= 16384),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT revision_prints_finite CHECK (NOT ('{NaN,Infinity,-Infinity}'::real[] && sample))
);
CREATE INDEX revision_prints_shared ON revision_prints USING gin (hashes);
CREATE INDEX revision_prints_layout ON revision_prints (layout);

-- What turns equal weights into answers: tokenizer, modules, pooling. Copies have these alike, too.
CREATE FUNCTION parts_of(manifest jsonb) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = assay, pg_temp AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(f ->> 'path' || ' ' || coalesce(f ->> 'sha256', f ->> 'git_sha1'), E'\n'
        ORDER BY f ->> 'path' COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM jsonb_array_elements(CASE jsonb_typeof(manifest -> 'files') WHEN 'array' THEN manifest -> 'files' ELSE '[]' END) f
    WHERE f ->> 'path' ~ '(^|/)(tokenizer\.json|vocab\.[a-z]+|merges\.txt|[a-z.]*\.model|modules\.json|chat_template\.[a-z]+)$'
        OR f ->> 'path' ~ '^[0-9]+_[A-Za-z]+/'
$$;

-- Prints of the revision of a job, by whoever holds its present attempt. Answers the name of the model that it is a copy of:
-- another's tensors to the last, and its parts, where that one has results and no person approved the copy. Else NULL.
CREATE FUNCTION put_prints(w uuid, jid bigint, att integer, p jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE j jobs; v revisions; its_name text; o record;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = jid;
    IF NOT FOUND OR NOT holds_attempt(j, att, w) THEN
        RETURN NULL;
    END IF;
    INSERT INTO revision_prints (revision_id, n_tensors, layout, hashes, sample)
        VALUES (j.revision_id, (p ->> 'tensors')::integer, p ->> 'layout',
            ARRAY(SELECT h FROM jsonb_array_elements_text(p -> 'hashes') h WHERE h ~ '^[0-9a-f]{32}$' ORDER BY h),
            ARRAY(SELECT x::real FROM jsonb_array_elements_text(p -> 'sample') WITH ORDINALITY s (x, place) ORDER BY place))
        ON CONFLICT DO NOTHING;
    SELECT x.* INTO STRICT v FROM revisions x WHERE x.revision_id = j.revision_id;
    SELECT m.name INTO STRICT its_name FROM models m WHERE m.model_id = v.model_id;
    IF (SELECT s.standing FROM standing_of(its_name) s) = 'approved' OR EXISTS (SELECT 1 FROM runs r JOIN revisions k USING (revision_id)
        WHERE k.model_id = v.model_id) THEN
        RETURN NULL;
    END IF;
    SELECT m.name, k.commit INTO o FROM revision_prints a JOIN revision_prints b ON b.layout = a.layout AND b.hashes = a.hashes
            AND b.n_tensors = a.n_tensors AND cardinality(a.hashes) > 0
        JOIN revisions k ON k.revision_id = b.revision_id JOIN models m ON m.model_id = k.model_id
        WHERE a.revision_id = v.revision_id AND k.model_id <> v.model_id AND parts_of(k.manifest) = parts_of(v.manifest)
            AND EXISTS (SELECT 1 FROM runs r WHERE r.revision_id = k.revision_id)
        ORDER BY k.revision_id LIMIT 1;
    IF o.name IS NOT NULL THEN
        PERFORM note_copy(its_name, v.commit, o.name, o.commit);
    END IF;
    RETURN o.name;
END $$;

-- What is related to the model's newest revision with prints: how many of its tensors the other has, how many of the other's
-- it has, and how much their samples go together (NULL: other layouts).
CREATE FUNCTION lineage_of(its_name text)
RETURNS TABLE (model text, revision text, relation text, ours double precision, theirs double precision, correlation double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    WITH me AS (SELECT p.*, v.model_id FROM revision_prints p JOIN revisions v USING (revision_id) JOIN models m USING (model_id)
            WHERE m.name = its_name ORDER BY p.revision_id DESC LIMIT 1),
    other AS (SELECT m.name, v.commit, p.hashes, me.hashes AS mine, cardinality(p.hashes) AS n, cardinality(me.hashes) AS n_me,
            (SELECT count(*) FROM unnest(p.hashes) h WHERE h = ANY (me.hashes))::float8 AS shared,
            CASE WHEN p.layout = me.layout AND cardinality(p.sample) = cardinality(me.sample)
                THEN (SELECT corr(a, b) FROM unnest(p.sample, me.sample) s (a, b)) END AS r
        FROM me JOIN revision_prints p ON p.revision_id <> me.revision_id AND (p.hashes && me.hashes OR p.layout = me.layout)
        JOIN revisions v ON v.revision_id = p.revision_id JOIN models m ON m.model_id = v.model_id)
    SELECT o.name, o.commit, CASE
            WHEN o.shared = o.n AND o.shared = o.n_me THEN 'equal tensors'
            WHEN o.r >= 0.9995 THEN 'near copy'
            WHEN o.r >= 0.9 THEN 'tuned or merged'
            ELSE 'shares tensors' END,
        o.shared / nullif(o.n_me, 0), o.shared / nullif(o.n, 0), o.r
    FROM other o WHERE o.shared > 0 OR o.r >= 0.9 ORDER BY coalesce(o.r, 0) + o.shared / greatest(o.n_me, 1) DESC, o.name LIMIT 100
$$;

REVOKE ALL ON revision_prints FROM PUBLIC;
REVOKE ALL ON FUNCTION parts_of, put_prints, lineage_of FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON revision_prints TO assay_owner;
        GRANT EXECUTE ON FUNCTION parts_of, put_prints, lineage_of TO assay_owner;
        GRANT EXECUTE ON FUNCTION put_prints TO assay_worker;
        GRANT EXECUTE ON FUNCTION lineage_of TO assay_ops, assay_site, assay_submitter;
        GRANT SELECT ON revision_prints TO assay_ops;
    END IF;
END $$;
