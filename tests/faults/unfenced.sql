-- The fence removed: a writer is believed by the job's state alone, as most queues do. The chaos run must notice.
CREATE OR REPLACE FUNCTION holds_attempt(j jobs, att integer, w uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = assay, pg_temp AS $$
    SELECT j.state IN ('leased', 'waiting', 'queued')
$$
