-- Who may do what (group roles; logins are made members of them). A worker may execute its own functions and has no
-- right on any table; the site reads the published views; nobody but the owner writes tables.
-- Where the migrating role may not create roles (a hosted server), they are left out: the owner then does everything.

REVOKE ALL ON SCHEMA assay FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA assay FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA assay FROM PUBLIC;

CREATE FUNCTION make_role(name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    RETURN true;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    RETURN true;
WHEN insufficient_privilege THEN
    RETURN false;
END $$;

DO $$
BEGIN
    IF NOT (make_role('assay_owner') AND make_role('assay_submitter') AND make_role('assay_worker')
        AND make_role('assay_site') AND make_role('assay_ops')) THEN
        RAISE NOTICE 'the roles of assay were not created: permission denied';
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA assay TO assay_owner, assay_submitter, assay_worker, assay_site, assay_ops;
    GRANT EXECUTE ON FUNCTION schema_version TO assay_owner, assay_submitter, assay_worker, assay_site, assay_ops;
    GRANT ALL ON ALL TABLES IN SCHEMA assay TO assay_owner;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA assay TO assay_owner;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA assay TO assay_owner;
    GRANT EXECUTE ON FUNCTION submit, cancel_submission TO assay_submitter, assay_ops;
    GRANT SELECT ON site_queue, queue_stats TO assay_submitter;
    GRANT EXECUTE ON FUNCTION register_worker, claim_job, heartbeat, put_chunk, get_chunks, finish_job, fail_job, reap,
        stop_worker TO assay_worker;
    GRANT SELECT ON site_suites, site_suite_tasks, site_board, site_tasks, site_models, site_runs, site_results, site_samples,
        site_queue, site_workers, queue_stats TO assay_site;
    GRANT EXECUTE ON FUNCTION config_json TO assay_site, assay_ops; -- site_runs calls it as its reader
    GRANT EXECUTE ON FUNCTION cancel_job, retry_job, pause_task, resume_task, supersede_run, new_epoch, record_run,
        record_chunk, reap TO assay_ops;
    GRANT SELECT ON ALL TABLES IN SCHEMA assay TO assay_ops;
END $$;

DROP FUNCTION make_role(text);
