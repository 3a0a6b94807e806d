-- The queue. One job is one (revision, task, configuration); its state is here and nowhere else.
--
--  submit -> queued --claim--> leased --finish--> done
--              ^  ^              | | fail(dead), or too many failures or crashes --> dead
--      promote |  | release      | | cancel asked for, seen by the worker ---------> cancelled
--            waiting <-----------+-+ fail(retry), fail(quarantine), lease expired
--  done, dead, cancelled --retry--> queued, with the history kept
--
-- `attempt` is the fence: only claim_job raises it, and whoever does not hold the present attempt writes nothing.

CREATE TYPE job_state AS ENUM ('waiting', 'queued', 'leased', 'done', 'dead', 'cancelled');

-- The id is made by the worker itself, so that registering twice is one row and no restored dump gives it out again.
CREATE TABLE workers (
    worker_id uuid PRIMARY KEY,
    host text NOT NULL CONSTRAINT workers_host_short CHECK (octet_length(host) <= 200),
    pid integer NOT NULL,
    build text NOT NULL CONSTRAINT workers_build_short CHECK (octet_length(build) <= 200),
    info jsonb NOT NULL DEFAULT '{}' CONSTRAINT workers_info_small CHECK (pg_column_size(info) < 65536),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at timestamptz
) WITH (fillfactor = 70);

CREATE TABLE submissions (
    submission_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submitter text NOT NULL CONSTRAINT submissions_submitter_length CHECK (octet_length(submitter) BETWEEN 1 AND 200),
    revision_id bigint NOT NULL REFERENCES revisions,
    requested text NOT NULL CONSTRAINT submissions_requested_short CHECK (octet_length(requested) <= 400),
    suite_id bigint NOT NULL REFERENCES suites,
    request_sha256 hash256 NOT NULL, -- of the job set that was asked for
    priority smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cancelled_at timestamptz,
    CONSTRAINT submissions_once UNIQUE (submitter, revision_id, suite_id, request_sha256)
);

-- A sample set is the chunks of one run, or of one that is under way.
CREATE SEQUENCE sample_sets;

CREATE TABLE jobs (
    job_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision_id bigint NOT NULL REFERENCES revisions,
    task_id bigint NOT NULL REFERENCES tasks,
    config_id bigint NOT NULL REFERENCES configurations,
    purpose text NOT NULL DEFAULT 'eval' CONSTRAINT jobs_purpose CHECK (purpose IN ('eval', 'canary', 'reproduce')),
    state job_state NOT NULL DEFAULT 'queued',
    priority smallint NOT NULL DEFAULT 5 CONSTRAINT jobs_priority CHECK (priority BETWEEN 0 AND 9),
    needs_mb integer NOT NULL DEFAULT 0 CONSTRAINT jobs_needs CHECK (needs_mb >= 0),
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- waiting: when to promote; 'infinity' while its task is paused
    attempt integer NOT NULL DEFAULT 0,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    lease_owner uuid REFERENCES workers,
    lease_until timestamptz,
    lease_s integer NOT NULL DEFAULT 90,
    progress real NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    set_id bigint NOT NULL DEFAULT nextval('sample_sets'),
    record_sha256 hash256,
    error_class text CONSTRAINT jobs_error_class_short CHECK (octet_length(error_class) <= 40),
    error text CONSTRAINT jobs_error_short CHECK (octet_length(error) <= 1000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT jobs_identity UNIQUE (revision_id, task_id, config_id),
    CONSTRAINT jobs_lease_while_leased CHECK ((state = 'leased') = (lease_owner IS NOT NULL)
        AND (state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT jobs_finished_when_final CHECK ((state IN ('done', 'dead', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT jobs_record_when_done CHECK ((state = 'done') = (record_sha256 IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.02);
-- Waiters are not in the claim's index: a hundred thousand future retries cost a claim nothing.
CREATE INDEX jobs_claim ON jobs (priority, job_id) WHERE state = 'queued';
CREATE INDEX jobs_wait ON jobs (run_at) WHERE state = 'waiting';
CREATE INDEX jobs_lease ON jobs (lease_until) WHERE state = 'leased';
CREATE INDEX jobs_task ON jobs (task_id);
-- A worker holds one lease at most, which makes claiming again after a lost reply harmless.
CREATE UNIQUE INDEX jobs_one_lease_each ON jobs (lease_owner) WHERE state = 'leased';

CREATE TABLE submission_jobs (
    submission_id bigint NOT NULL REFERENCES submissions,
    job_id bigint NOT NULL REFERENCES jobs,
    PRIMARY KEY (submission_id, job_id)
);
CREATE INDEX submission_jobs_job ON submission_jobs (job_id);

CREATE TABLE attempts (
    job_id bigint NOT NULL REFERENCES jobs,
    attempt integer NOT NULL,
    worker_id uuid NOT NULL REFERENCES workers,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text CONSTRAINT attempts_outcome
        CHECK (outcome IN ('ok', 'failed', 'crashed', 'lost', 'released', 'cancelled')),
    error_class text CONSTRAINT attempts_error_class_short CHECK (octet_length(error_class) <= 40),
    error text CONSTRAINT attempts_error_short CHECK (octet_length(error) <= 1000),
    PRIMARY KEY (job_id, attempt),
    CONSTRAINT attempts_ended_with_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- For people who ask what happened; never read to decide anything.
CREATE TABLE events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT session_user,
    kind text NOT NULL CONSTRAINT events_kind_length CHECK (octet_length(kind) BETWEEN 1 AND 60),
    job_id bigint,
    data jsonb NOT NULL DEFAULT '{}' CONSTRAINT events_data_small CHECK (pg_column_size(data) < 16384)
);
CREATE INDEX events_at ON events USING brin (at);
