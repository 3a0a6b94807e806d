#!/bin/sh
# A worker keeps a model open for the jobs beside the one in hand; a crash costs only the job that it was in.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"
few_documents 1 2 3 4
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
code 'four jobs on one model' 0 "$ASSAY" submit -s E2EFewSuite tiny/decoder
code 'drained' 0 "$ASSAY" worker --drain --threads 1
equal 'all are done' '4|4' "$(sql "SELECT count(*) FILTER (WHERE state = 'done'), max(job_id) FROM jobs")"
equal 'the model was loaded once' 1 "$(sql "SELECT count(*) FROM attempts WHERE log LIKE '%loading the model%'")"
equal 'each attempt has its last lines' 4 "$(sql "SELECT count(*) FROM attempts WHERE log LIKE '%finished: ok%'")"
equal 'no invariant violated' '' "$(violations)"
oracle=$(sql "SELECT string_agg(bits_sha256, ' ' ORDER BY job_id) FROM runs")

# The process dies as it begins its third task; what it had finished stays, what was to come is done by the next one.
code 'the same on the same model, of another seed' 0 "$ASSAY" submit -s E2EFewSuite --seed 1234 tiny/decoder
sql 'UPDATE settings SET max_crashes = 30000'
got=0
ASSAY_FAULT='asked:3!KILL' "$ASSAY" worker --drain --threads 1 >"$tmp/crash.log" 2>&1 || got=$?
equal 'the worker lives' 0 "$got"
equal 'all are done' 8 "$(sql "SELECT count(*) FROM jobs WHERE state = 'done'")"
equal 'one job crashed, once' '1|1' "$(sql "SELECT count(*), sum(crashes) FROM jobs WHERE crashes > 0")"
equal 'the same bits' "$oracle" "$(sql "SELECT string_agg(bits_sha256, ' ' ORDER BY job_id) FROM runs WHERE job_id > 4")"
has 'the signal is in the last lines' 'signal 9' "$tmp/crash.log"
equal 'and kept for who submitted it' 1 "$(sql "SELECT count(*) FROM attempts WHERE outcome = 'crashed' AND log LIKE '%signal 9%'")"
equal 'no invariant violated' '' "$(violations)"
fault_held 06_a_process_that_crashes_costs_the_job_that_it_was_in
finish
