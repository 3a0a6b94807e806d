#!/bin/sh
# kill -9 at each step of a job, in the worker and in its job's process: the next worker finishes it, from where it was;
# one result set is there, and it is that of a run that nobody disturbed, bit for bit.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"
many_documents
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
submit() { "$ASSAY" submit -s E2EManySuite --seed "$1" tiny/decoder >/dev/null; }
work() { "$ASSAY" worker --threads 1 "$@"; }
# Who was killed keeps its lease: a slow machine needs a long one, and the test doesn't wait for it.
end_leases() { sql "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 hour', lease_s = 1 WHERE state = 'leased'"; }
bits() { sql "SELECT bits_sha256 FROM runs JOIN jobs USING (job_id) WHERE job_id = $1"; }

submit 1
code 'undisturbed' 0 work --drain
undisturbed=$(bits 1)
asked=$(sql 'SELECT tokens_computed FROM runs WHERE job_id = 1')
[ -n "$undisturbed" ] || fail 'there is a run'

n=1
for point in claimed tasks downloaded parsed half done spooled finished; do
    n=$((n + 1))
    submit $n
    id=$(sql 'SELECT max(job_id) FROM jobs')
    got=0
    ASSAY_FAULT="$point:1!KILL" work --once >"$tmp/$point.log" 2>&1 || got=$?
    case $point in # the job's process alone, or the worker with it
    tasks | downloaded | parsed | half) equal "$point: the worker lives" 0 "$got" ;;
    *) equal "$point: the worker is killed" 137 "$got" ;;
    esac
    end_leases
    code "$point: the next worker drains the queue" 0 work --drain
    equal "$point: the job is done" 'done|1' \
        "$(sql "SELECT state, (SELECT count(*) FROM runs r WHERE r.job_id = j.job_id) FROM jobs j WHERE job_id = $id")"
    equal "$point: the undisturbed bits" "$undisturbed" "$(bits "$id")"
    case $point in
    half)
        [ "$(sql "SELECT tokens_computed FROM runs WHERE job_id = $id")" -lt "$asked" ] || fail 'half: what had an answer was asked again'
        ok 'half: it goes on where it was' ;;
    spooled | finished) equal "$point: by the attempt that did it" 1 "$(sql "SELECT attempt FROM runs WHERE job_id = $id")" ;;
    esac
    equal "$point: no invariant violated" '' "$(violations)"
    equal "$point: nothing is left in the spool" '' "$(find "$ASSAY_HOME/spool" -maxdepth 1 -name '*.res')"
done
# An error in the middle of a batch, after which nothing of that process may be believed.
submit 90
id=$(sql 'SELECT max(job_id) FROM jobs')
code 'an error in the middle: the worker lives' 0 env ASSAY_FAULT=half:1 "$ASSAY" worker --once --threads 1
equal 'an error in the middle: nothing of it is stored' 'waiting|0|0' "$(sql "SELECT state,
    (SELECT count(*) FROM runs r WHERE r.job_id = j.job_id), (SELECT count(*) FROM sample_chunks c WHERE c.set_id = j.set_id)
    FROM jobs j WHERE job_id = $id")"
code 'an error in the middle: the next process does it' 0 work --drain
equal 'an error in the middle: the undisturbed bits' "$undisturbed" "$(bits "$id")"
fault_held 27_of_a_process_that_fails_in_the_middle_nothing_is_stored
fault_held 02_killed_at_any_step_a_job_is_finished_once_by_the_next_worker
finish
