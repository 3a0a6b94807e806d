/* What must be true when the dust has settled. Each is a count that must be zero. */
#include "tests/faults/invariants.h"

#include <stddef.h>

const struct invariant invariants[] = {
    { "I1 every job is done", "SELECT count(*) FROM jobs WHERE state <> 'done'" },
    { "I2 a done job has a run of its last attempt, each run exactly its metrics",
        "SELECT (SELECT count(*) FROM jobs j WHERE state = 'done' AND NOT EXISTS (SELECT 1 FROM "
        "runs r WHERE "
        "(r.job_id, r.attempt, r.record_sha256) = (j.job_id, j.attempt, j.record_sha256))) + "
        "(SELECT count(*) FROM runs r "
        "WHERE (SELECT count(*) FROM results x WHERE x.run_id = r.run_id) <> 3)" },
    { "I3 no run is of an attempt that had been superseded when it was stored",
        "SELECT count(*) FROM runs r JOIN attempts a USING (job_id) WHERE a.attempt > r.attempt "
        "AND a.started_at < r.finished_at" },
    { "I4 every run is of an attempt that ended well",
        "SELECT count(*) FROM runs r LEFT JOIN attempts a USING (job_id, attempt) WHERE a.outcome "
        "IS DISTINCT FROM 'ok'" },
    { "I5 every value is the oracle's",
        "SELECT count(*) FROM site_runs WHERE value <> ('x' || "
        "substr(encode(sha256(convert_to(model || ' ' || task, "
        "'UTF8')), 'hex'), 1, 4))::bit(16)::int / 65536.0::float8" },
    { "I6 whoever wrote a run owned its attempt",
        "SELECT count(*) FROM runs r JOIN attempts a USING (job_id, attempt) WHERE r.record ->> "
        "'worker' <> "
        "a.worker_id::text OR r.worker_id <> a.worker_id" },
    { "I7 a job ended well once, and once more for each time it was tried again",
        "SELECT count(*) FROM jobs j WHERE (SELECT count(*) FROM attempts a WHERE a.job_id = "
        "j.job_id AND outcome = 'ok') > "
        "1 + (SELECT count(*) FROM events e WHERE e.job_id = j.job_id AND kind = 'retry')" },
    { "I8 attempts are numbered without a gap",
        "SELECT count(*) FROM (SELECT 1 FROM attempts GROUP BY job_id HAVING max(attempt) <> "
        "count(*)) x" },
    { "I10 what the site shows is what is stored",
        "SELECT abs((SELECT count(*) FROM runs) - (SELECT count(*) FROM site_runs)) + abs((SELECT "
        "count(*) FROM results) - "
        "(SELECT count(*) FROM site_results))" },
    { "I10 the run that stands is the newest that may",
        "SELECT count(*) FROM (SELECT DISTINCT ON (revision_id, task_id, config_id) run_id FROM "
        "runs WHERE purpose = 'eval' "
        "AND superseded_at IS NULL ORDER BY revision_id, task_id, config_id, finished_at DESC, "
        "run_id DESC) x FULL JOIN "
        "standing_runs k USING (run_id) WHERE x.run_id IS NULL OR k.run_id IS NULL" },
    { "I11 every run has its chunks, and none belongs to nobody",
        "SELECT (SELECT count(*) FROM runs r WHERE (SELECT count(*) FROM sample_chunks c WHERE "
        "c.set_id = r.set_id) <> "
        "r.n_chunks) + (SELECT count(*) FROM sample_chunks c WHERE NOT EXISTS (SELECT 1 FROM runs "
        "r WHERE r.set_id = "
        "c.set_id))" },
    { "I12 equal measurements have equal bits",
        "SELECT count(*) FROM events WHERE kind = 'alarm.bits'" },
    { NULL, NULL },
};
