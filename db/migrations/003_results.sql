-- What was measured. A run is (revision, task, configuration, harness build, ordinal); its numbers are written once, in
-- the transaction that finishes it, and nothing here updates them. `superseded_at` alone may be set later, by a person.

CREATE TABLE runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision_id bigint NOT NULL REFERENCES revisions,
    task_id bigint NOT NULL REFERENCES tasks,
    config_id bigint NOT NULL REFERENCES configurations,
    harness_build text NOT NULL CONSTRAINT runs_build_length CHECK (octet_length(harness_build) BETWEEN 1 AND 200),
    ordinal integer NOT NULL CONSTRAINT runs_ordinal CHECK (ordinal >= 1),
    purpose text NOT NULL CONSTRAINT runs_purpose CHECK (purpose IN ('eval', 'canary', 'reproduce')),
    job_id bigint REFERENCES jobs, -- NULL: recorded without the queue, by `assay eval` or an import
    attempt integer,
    worker_id uuid REFERENCES workers,
    set_id bigint NOT NULL,
    main text NOT NULL CONSTRAINT runs_main_length CHECK (octet_length(main) BETWEEN 1 AND 100),
    n bigint NOT NULL CONSTRAINT runs_n CHECK (n >= 0),
    ties bigint NOT NULL,
    truncated bigint NOT NULL,
    empty bigint NOT NULL,
    nan bigint NOT NULL,
    tokens_asked bigint NOT NULL,
    tokens_computed bigint NOT NULL,
    seconds double precision NOT NULL CONSTRAINT runs_seconds_finite CHECK (abs(seconds) < 'Infinity'),
    backend text NOT NULL,
    isa text NOT NULL,
    device text NOT NULL,
    dtype text NOT NULL,
    data_sha256 hash256 NOT NULL,
    weights_sha256 hash256,
    bits_sha256 hash256 NOT NULL, -- of the metrics alone: equal for equal bits
    record_sha256 hash256 NOT NULL,
    n_chunks integer NOT NULL CONSTRAINT runs_chunks CHECK (n_chunks >= 0),
    record jsonb NOT NULL, -- all that was handed in: command, manifest, versions
    started_at timestamptz,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    superseded_why text CONSTRAINT runs_superseded_why_short CHECK (octet_length(superseded_why) <= 1000),
    CONSTRAINT runs_identity UNIQUE (revision_id, task_id, config_id, harness_build, ordinal),
    CONSTRAINT runs_one_per_attempt UNIQUE (job_id, attempt),
    CONSTRAINT runs_job_and_attempt CHECK ((job_id IS NULL) = (attempt IS NULL)),
    CONSTRAINT runs_record_small CHECK (pg_column_size(record) < 1048576)
);
CREATE INDEX runs_newest ON runs (revision_id, task_id, config_id, finished_at DESC);
CREATE INDEX runs_task ON runs (task_id);

-- Which run stands for its (revision, task, configuration): the newest that was not withdrawn. Kept by whoever stores or
-- withdraws a run, as finding it anew among a million runs is what makes a board slow.
CREATE TABLE standing_runs (
    revision_id bigint NOT NULL,
    task_id bigint NOT NULL,
    config_id bigint NOT NULL,
    run_id bigint NOT NULL REFERENCES runs,
    PRIMARY KEY (task_id, config_id, revision_id)
);
CREATE INDEX standing_runs_run ON standing_runs (run_id);

-- In PostgreSQL NaN equals NaN and is greater than infinity: `value = value` lets it in, this does not.
CREATE TABLE results (
    run_id bigint NOT NULL REFERENCES runs,
    subset text NOT NULL DEFAULT '' CONSTRAINT results_subset_short CHECK (octet_length(subset) <= 200),
    metric text NOT NULL CONSTRAINT results_metric_length CHECK (octet_length(metric) BETWEEN 1 AND 100),
    value double precision NOT NULL CONSTRAINT results_value_finite CHECK (abs(value) < 'Infinity'),
    stderr double precision CONSTRAINT results_stderr_finite CHECK (abs(stderr) < 'Infinity'),
    low double precision CONSTRAINT results_low_finite CHECK (abs(low) < 'Infinity'),
    high double precision CONSTRAINT results_high_finite CHECK (abs(high) < 'Infinity'),
    n bigint NOT NULL CONSTRAINT results_n CHECK (n >= 0),
    PRIMARY KEY (run_id, subset, metric)
);

-- Per-sample records, a few thousand a row, as zstd-compressed JSON lines: the checkpoint of a run under way, and the
-- evidence of one that is finished.
CREATE TABLE sample_chunks (
    set_id bigint NOT NULL,
    chunk integer NOT NULL CONSTRAINT sample_chunks_number CHECK (chunk BETWEEN 0 AND 99999),
    attempt integer NOT NULL,
    build text NOT NULL CONSTRAINT sample_chunks_build_short CHECK (octet_length(build) <= 200),
    n integer NOT NULL CONSTRAINT sample_chunks_n CHECK (n > 0),
    sha256 hash256 NOT NULL, -- of the body as stored
    body bytea NOT NULL CONSTRAINT sample_chunks_body_size CHECK (octet_length(body) BETWEEN 1 AND 8388608),
    PRIMARY KEY (set_id, chunk)
);
ALTER TABLE sample_chunks ALTER body SET STORAGE EXTERNAL;

-- What is measured stays as it was measured, even for the owner of the tables.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - '{superseded_at,superseded_why}'::text[] = to_jsonb(NEW) - '{superseded_at,superseded_why}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of "%" are never changed', TG_TABLE_NAME USING ERRCODE = 'ZA003';
END $$;
CREATE TRIGGER results_are_final BEFORE UPDATE ON results FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER runs_are_final BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION refuse_change();
