-- How many documents of a task are in a corpus, as `assay contamination --store` found it. The same look at the same corpus again is the
-- same row; of a corpus that has changed under its name there is another, and the newest is shown.
CREATE TABLE corpus_overlaps (
    overlap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id bigint NOT NULL REFERENCES tasks,
    corpus text NOT NULL CONSTRAINT overlaps_corpus_length CHECK (octet_length(corpus) BETWEEN 1 AND 200),
    corpus_sha256 hash256 NOT NULL, -- of its files, in order
    data_sha256 hash256 NOT NULL,   -- of the task's data
    n integer NOT NULL CONSTRAINT overlaps_n CHECK (n BETWEEN 2 AND 100), -- words in a row
    words bigint NOT NULL CONSTRAINT overlaps_words CHECK (words >= 0),   -- of the corpus
    documents bigint NOT NULL,
    too_short bigint NOT NULL, -- of fewer words, so that it can't be told
    contaminated bigint NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT overlaps_counts CHECK (too_short >= 0 AND contaminated >= 0 AND too_short + contaminated <= documents),
    CONSTRAINT overlaps_once UNIQUE (task_id, corpus, corpus_sha256, data_sha256, n)
);

-- {"task": as in a submission, "corpus", "corpus_sha256", "data_sha256", "n", "words", "documents", "too_short", "contaminated"}.
CREATE FUNCTION record_overlap(o jsonb) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE id bigint;
BEGIN
    INSERT INTO corpus_overlaps AS x (task_id, corpus, corpus_sha256, data_sha256, n, words, documents, too_short, contaminated)
        SELECT put_task(o -> 'task'), r.* FROM jsonb_to_record(o) AS r (corpus text, corpus_sha256 text, data_sha256 text, n integer,
            words bigint, documents bigint, too_short bigint, contaminated bigint)
        ON CONFLICT ON CONSTRAINT overlaps_once DO UPDATE SET words = excluded.words, documents = excluded.documents,
            too_short = excluded.too_short, contaminated = excluded.contaminated, found_at = excluded.found_at
        RETURNING x.overlap_id INTO id;
    RETURN id;
END $$;

CREATE VIEW site_overlaps AS
    SELECT DISTINCT ON (o.task_id, o.corpus, o.n) o.task_id, t.name AS task, o.corpus, o.corpus_sha256, o.data_sha256, o.n, o.words,
        o.documents, o.too_short, o.contaminated, o.found_at
    FROM corpus_overlaps o JOIN tasks t USING (task_id)
    ORDER BY o.task_id, o.corpus, o.n, o.found_at DESC, o.overlap_id DESC;

REVOKE ALL ON corpus_overlaps, site_overlaps FROM PUBLIC;
REVOKE ALL ON FUNCTION record_overlap FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON corpus_overlaps, site_overlaps TO assay_owner;
        GRANT EXECUTE ON FUNCTION record_overlap TO assay_owner, assay_ops;
        GRANT SELECT ON site_overlaps TO assay_site, assay_ops;
        GRANT SELECT ON corpus_overlaps TO assay_ops;
    END IF;
END $$;
