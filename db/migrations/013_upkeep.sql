-- What grows is kept in bounds: samples of old runs move to files or go, by their hashes and by a person's command; events
-- and the checkpoints of jobs that ended without a result go by age. Runs and their numbers stay for ever. And what a
-- monitor watches, in one document.

-- Chunks that are no longer in the database: in files named by their hash, or dropped. The record still lists them.
CREATE TABLE archived_chunks (
    set_id bigint NOT NULL,
    chunk integer NOT NULL,
    n integer NOT NULL,
    sha256 hash256 NOT NULL,
    size integer NOT NULL, -- of the body
    dropped boolean NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (set_id, chunk)
);

CREATE OR REPLACE VIEW site_samples AS
    SELECT r.run_id, c.chunk, c.n, c.sha256, c.body, false AS dropped FROM runs r JOIN sample_chunks c USING (set_id)
    UNION ALL
    SELECT r.run_id, c.chunk, c.n, c.sha256, NULL, c.dropped FROM runs r JOIN archived_chunks c USING (set_id);

-- Chunks of runs that finished more than so many days ago, a few at a time.
CREATE FUNCTION archive_due(days double precision, how_many integer)
RETURNS TABLE (set_id bigint, chunk integer, n integer, sha256 text, body bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT c.set_id, c.chunk, c.n, c.sha256::text, c.body FROM runs r JOIN sample_chunks c USING (set_id)
    WHERE r.finished_at < clock_timestamp() - make_interval(secs => days * 86400) ORDER BY r.run_id, c.chunk LIMIT how_many
$$;

-- The chunk, which is in a file of that hash by now or is to be dropped, leaves. False if it is not there.
CREATE FUNCTION archive_chunk(sid bigint, number integer, its_sha256 text, dropping boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
DECLARE c sample_chunks;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runs r WHERE r.set_id = sid) THEN
        RAISE EXCEPTION 'sample set % is of no run', sid USING ERRCODE = 'ZA003';
    END IF;
    DELETE FROM sample_chunks x WHERE x.set_id = sid AND x.chunk = number AND x.sha256 = its_sha256 RETURNING * INTO c;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO archived_chunks (set_id, chunk, n, sha256, size, dropped)
        VALUES (sid, number, c.n, c.sha256, octet_length(c.body), dropping);
    RETURN true;
END $$;

-- Old events, and checkpoints of jobs that ended without a result. Alarms stay until somebody looks at them.
CREATE FUNCTION collect(events_days double precision, checkpoints_days double precision, OUT events bigint, OUT checkpoints bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = assay, pg_temp AS $$
BEGIN
    IF events_days < 1 OR checkpoints_days < 1 THEN
        RAISE EXCEPTION 'what is younger than a day stays' USING ERRCODE = 'ZA001';
    END IF;
    DELETE FROM assay.events e WHERE e.at < clock_timestamp() - make_interval(secs => events_days * 86400) AND e.kind NOT LIKE 'alarm.%';
    GET DIAGNOSTICS events = ROW_COUNT;
    DELETE FROM sample_chunks c USING jobs j WHERE c.set_id = j.set_id AND j.state IN ('dead', 'cancelled')
        AND j.finished_at < clock_timestamp() - make_interval(secs => checkpoints_days * 86400)
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.set_id = c.set_id);
    GET DIAGNOSTICS checkpoints = ROW_COUNT;
END $$;

-- What a monitor watches: the queue by state and age, and what makes a queue slow: old snapshots, dead rows, large indexes.
CREATE FUNCTION queue_monitor() RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = assay, pg_temp AS $$
    SELECT to_jsonb(q) || jsonb_build_object(
        'dead_by_class', (SELECT coalesce(jsonb_object_agg(error_class, n), '{}') FROM (
            SELECT coalesce(error_class, 'unknown') AS error_class, count(*) AS n FROM jobs WHERE state = 'dead' GROUP BY 1) d),
        'xmin_age', (SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL),
        'oldest_transaction_s', (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8
            FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'),
        'dead_rows', (SELECT coalesce(jsonb_object_agg(relname, n_dead_tup), '{}') FROM pg_stat_user_tables
            WHERE schemaname = 'assay' AND relname IN ('jobs', 'attempts', 'workers')),
        'index_bytes', (SELECT jsonb_object_agg(indexrelname, pg_relation_size(indexrelid)) FROM pg_stat_user_indexes
            WHERE schemaname = 'assay' AND relname = 'jobs'),
        'database_bytes', pg_database_size(current_database()))
    FROM queue_stats q
$$;

REVOKE ALL ON archived_chunks FROM PUBLIC;
REVOKE ALL ON FUNCTION archive_due, archive_chunk, collect, queue_monitor FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'assay_owner') THEN
        GRANT ALL ON archived_chunks TO assay_owner;
        GRANT SELECT ON archived_chunks TO assay_ops;
        GRANT EXECUTE ON FUNCTION archive_due, archive_chunk, collect, queue_monitor TO assay_owner, assay_ops;
        GRANT EXECUTE ON FUNCTION queue_monitor TO assay_submitter, assay_site;
    END IF;
END $$;
