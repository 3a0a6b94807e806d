-- Runs that come from another: its samples scored again by newer rules, or all of it measured once more. The first stands
-- in the place of its original, which is withdrawn in the same transaction; the second stands beside it.

CREATE TABLE run_origins (
    run_id bigint PRIMARY KEY REFERENCES runs,
    of_run bigint NOT NULL REFERENCES runs,
    how text NOT NULL CONSTRAINT run_origins_how CHECK (how IN ('rescore', 'reproduce')),
    verdict text CONSTRAINT run_origins_verdict CHECK (verdict IN ('bits', 'tolerance', 'different')),
    CONSTRAINT run_origins_not_itself CHECK (run_id <> of_run),
    CONSTRAINT run_origins_verdict_of_a_reproduction CHECK ((how = 'reproduce') = (verdict IS NOT NULL))
);
CREATE INDEX run_origins_of ON run_origins (of_run);
CREATE TRIGGER run_origins_are_final BEFORE UPDATE ON run_origins FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE VIEW site_origins AS SELECT run_id, of_run, how, verdict FROM run_origins;

-- A further run of what run `rid` is of. The same record again is the run that is there.
CREATE FUNCTION put_further_run(rid bigint, why text, sid bigint, text_of text, OUT run_id bigint, OUT created boolean)
LANGUAGE plpgsql SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
DECLARE o runs; r runs;
BEGIN
    SELECT * INTO o FROM runs x WHERE x.run_id = rid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no run %', rid USING ERRCODE = 'ZA002';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('further run of %s', rid), 3));
    SELECT x.run_id INTO run_id FROM runs x
        WHERE (x.revision_id, x.task_id, x.config_id) = (o.revision_id, o.task_id, o.config_id) AND x.run_id <> rid
        AND x.record_sha256 = encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    created := run_id IS NULL;
    IF created THEN
        IF EXISTS (SELECT 1 FROM runs x WHERE x.set_id = sid) OR EXISTS (SELECT 1 FROM jobs x WHERE x.set_id = sid) THEN
            RAISE EXCEPTION 'sample set % belongs to another run', sid USING ERRCODE = 'ZA003';
        END IF;
        r := put_run(o.revision_id, o.task_id, o.config_id, why, NULL, NULL, NULL, coalesce(sid, nextval('sample_sets')),
            NULL, text_of);
        run_id := r.run_id;
    END IF;
END $$;

-- Only the run that stands for its configuration is replaced: else what is older would come before what is newer. The
-- same again, as after a reply that was lost, is the run that is there.
CREATE FUNCTION rescore_run(rid bigint, sid bigint, text_of text, why text, OUT run_id bigint, OUT created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT x.run_id, false INTO run_id, created FROM run_origins o JOIN runs x USING (run_id)
        WHERE o.of_run = rid AND o.how = 'rescore' AND x.record_sha256 = encode(sha256(convert_to(text_of, 'UTF8')), 'hex');
    IF FOUND THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM standing_runs k WHERE k.run_id = rid) THEN
        RAISE EXCEPTION 'run % does not stand for its configuration', rid USING ERRCODE = 'ZA003';
    END IF;
    SELECT f.run_id, f.created INTO run_id, created FROM put_further_run(rid, 'eval', sid, text_of) f;
    INSERT INTO run_origins VALUES (run_id, rid, 'rescore', NULL) ON CONFLICT DO NOTHING;
    PERFORM supersede_run(rid, format('scored again as run %s: %s', run_id, why));
END $$;

CREATE FUNCTION reproduce_run(rid bigint, sid bigint, text_of text, its_verdict text, OUT run_id bigint, OUT created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT f.run_id, f.created INTO run_id, created FROM put_further_run(rid, 'reproduce', sid, text_of) f;
    INSERT INTO run_origins VALUES (run_id, rid, 'reproduce', its_verdict) ON CONFLICT DO NOTHING;
    INSERT INTO events (kind, data) VALUES ('reproduce', jsonb_build_object('run', run_id, 'of', rid, 'verdict', its_verdict));
END $$;

-- The hash that put_run made of the numbers, made anew of the rows that are there.
CREATE FUNCTION bits_of_results(rid bigint) RETURNS text LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(concat_ws('|', subset, metric, value, stderr), E'\n'
        ORDER BY subset COLLATE "C", metric COLLATE "C"), 'UTF8')), 'hex') FROM results WHERE run_id = rid
$$;

REVOKE ALL ON run_origins, site_origins FROM PUBLIC;
REVOKE ALL ON FUNCTION put_further_run, rescore_run, reproduce_run, bits_of_results FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON run_origins, site_origins TO assay_owner;
        GRANT EXECUTE ON FUNCTION put_further_run, rescore_run, reproduce_run, bits_of_results TO assay_owner;
        GRANT SELECT ON site_origins TO assay_site;
        GRANT SELECT ON run_origins, site_origins TO assay_ops;
        GRANT EXECUTE ON FUNCTION rescore_run, reproduce_run, bits_of_results TO assay_ops;
    END IF;
END $$;
