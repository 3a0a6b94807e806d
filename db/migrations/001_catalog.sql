-- What can be measured: models at pinned revisions, tasks and suites by the hash of their source, configurations.
-- Rows here are facts. A changed task or suite is a new row, never an update; the name alone identifies nothing.

CREATE DOMAIN hash256 AS text CONSTRAINT hash256_is_hex CHECK (VALUE ~ '^[0-9a-f]{64}$');

-- One row. Times that tests shorten and operators tune; the epoch changes when a dump is restored, so that a worker
-- which still holds a claim of the lost timeline can write nothing.
CREATE TABLE settings (
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT settings_one_row CHECK (one),
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    retry_backoff_s double precision NOT NULL DEFAULT 15,  -- times 4 per failure
    crash_backoff_s double precision NOT NULL DEFAULT 30,  -- times 2 per crash
    max_failures smallint NOT NULL DEFAULT 5,
    max_crashes smallint NOT NULL DEFAULT 3,
    affinity_s double precision NOT NULL DEFAULT 900,      -- no job is overtaken by one queued this much later
    task_models_max smallint NOT NULL DEFAULT 3,           -- models a broken task may fail before it is paused
    CONSTRAINT settings_sane CHECK (retry_backoff_s >= 0 AND crash_backoff_s >= 0 AND max_failures > 0
        AND max_crashes > 0 AND affinity_s >= 0 AND task_models_max > 0)
);
INSERT INTO settings DEFAULT VALUES;

-- The name is the hub's own grammar, whoever wrote it; other fields of a card are text and nothing more.
CREATE TABLE models (
    model_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT models_name_unique UNIQUE,
    kind text NOT NULL DEFAULT 'hub' CONSTRAINT models_kind CHECK (kind IN ('hub', 'local', 'api')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT models_name_grammar CHECK (
        name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$' AND name !~ '(\.\.|--|\.git$)')
);

-- A commit of the hub (40 hex), or the content hash of a folder (64 hex); never a branch, which moves.
CREATE TABLE revisions (
    revision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id bigint NOT NULL REFERENCES models,
    commit text NOT NULL CONSTRAINT revisions_commit_is_hex CHECK (commit ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'),
    licence text CONSTRAINT revisions_licence_short CHECK (octet_length(licence) <= 400),
    architecture text CONSTRAINT revisions_architecture_short CHECK (octet_length(architecture) <= 400),
    dtype text CONSTRAINT revisions_dtype_short CHECK (octet_length(dtype) <= 100),
    params bigint CONSTRAINT revisions_params CHECK (params >= 0),
    size_bytes bigint CONSTRAINT revisions_size CHECK (size_bytes >= 0),
    card jsonb NOT NULL DEFAULT '{}',     -- tags, base model, gated, dates: what the card says
    manifest jsonb NOT NULL DEFAULT '{}', -- files with size and hash: what was found
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT revisions_unique UNIQUE (model_id, commit),
    CONSTRAINT revisions_json_small CHECK (pg_column_size(card) < 262144 AND pg_column_size(manifest) < 262144)
);

CREATE TABLE tasks (
    task_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT tasks_name_length CHECK (octet_length(name) BETWEEN 1 AND 200),
    version integer NOT NULL,
    sha256 hash256 NOT NULL, -- of the source closure and the data set's revision
    kind text NOT NULL CONSTRAINT tasks_kind_length CHECK (octet_length(kind) BETWEEN 1 AND 40),
    main text NOT NULL CONSTRAINT tasks_main_length CHECK (octet_length(main) BETWEEN 1 AND 100),
    definition jsonb NOT NULL DEFAULT '{}', -- title, licence, citation, data set: for people and pages
    paused_at timestamptz,
    paused_why text CONSTRAINT tasks_paused_why_short CHECK (octet_length(paused_why) <= 1000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT tasks_identity UNIQUE (name, sha256)
);

-- Where nothing else is said: 'auto' is for the harness to decide (the run says what it was), shots -1 is the task's
-- own number, limit 0 is all of the data. No NULLs, so that equal configurations are one row.
CREATE TABLE configurations (
    config_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    precision text NOT NULL,
    weight_type text NOT NULL,
    template text NOT NULL,
    profile text NOT NULL,
    shots integer NOT NULL CONSTRAINT configurations_shots CHECK (shots >= -1),
    sample_limit integer NOT NULL CONSTRAINT configurations_limit CHECK (sample_limit >= 0),
    seed bigint NOT NULL,
    CONSTRAINT configurations_unique UNIQUE (precision, weight_type, template, profile, shots, sample_limit, seed),
    CONSTRAINT configurations_short CHECK (octet_length(precision) <= 40 AND octet_length(weight_type) <= 40
        AND octet_length(template) <= 200 AND octet_length(profile) <= 40)
);

CREATE TABLE suites (
    suite_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT suites_name_length CHECK (octet_length(name) BETWEEN 1 AND 200),
    version integer NOT NULL,
    sha256 hash256 NOT NULL,
    definition jsonb NOT NULL DEFAULT '{}', -- title, groups, how to average
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT suites_identity UNIQUE (name, sha256)
);

CREATE TABLE suite_tasks (
    suite_id bigint NOT NULL REFERENCES suites,
    position integer NOT NULL,
    task_id bigint NOT NULL REFERENCES tasks,
    config_id bigint NOT NULL REFERENCES configurations,
    PRIMARY KEY (suite_id, position)
);
