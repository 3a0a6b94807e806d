#!/bin/sh
# Workers and the database killed in the middle of a job: another worker finishes it, exactly one result set is there,
# attempts are numbered without a gap, and whoever was killed left neither a result nor a process.
. "$(dirname "$0")/lib.sh"
models
library
hub
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
submit() { code "submit ($1)" 0 "$ASSAY" submit -s e2e_slow --seed "$1" tiny/decoder; }
job_id() { sql 'SELECT max(job_id) FROM jobs'; }
attempts() { sql "SELECT string_agg(attempt || ' ' || coalesce(outcome, '-'), ', ' ORDER BY attempt) FROM attempts WHERE job_id = $1"; }

# start LEASE: a worker; its job's process, stopped in the middle of its work, is in $job.
in_job() { job=$(job_of "$pid") && kill -STOP "$job"; }
start() {
    background "worker-$1" "$ASSAY" worker --drain --lease "$2" --threads 1
    wait_for 'the worker has a job' in_job
}
lease_over() { [ "$(sql "SELECT lease_until < clock_timestamp() FROM jobs WHERE job_id = $id")" = t ]; }

# 1. kill -9 of the worker.
submit 1
id=$(job_id)
start killed 2
victim=$pid
equal 'the job is leased' leased "$(sql "SELECT state FROM jobs WHERE job_id = $id")"
equal 'for as long as the worker asked' 2 "$(sql "SELECT lease_s FROM jobs WHERE job_id = $id")"
kill -9 "$victim"
wait "$victim" 2>/dev/null || true
wait_for 'the job died with its worker' gone "$job"
ok "a killed worker's job is killed with it"
wait_for 'the lease is over' lease_over
code 'another worker drains the queue' 0 "$ASSAY" worker --drain --lease 2 --threads 1
equal 'lost, then done' '1 lost, 2 ok' "$(attempts "$id")"
equal 'the job is done' 'done|2' "$(sql "SELECT state, attempt FROM jobs WHERE job_id = $id")"
equal 'one result set, by the second attempt' '2' "$(sql "SELECT string_agg(attempt::text, ' ') FROM runs WHERE job_id = $id")"
equal 'none by the killed worker' 0 "$(sql "SELECT count(*) FROM runs JOIN workers USING (worker_id) WHERE pid = $victim")"
equal 'no invariant violated' '' "$(violations)"

# 2. A worker that is cut off for longer than its lease, and comes back to a job that is another's: fenced.
submit 2
id=$(job_id)
start stale 2
victim=$pid old=$job
kill -STOP "$victim"
wait_for 'the lease is over' lease_over
code 'another worker takes over' 0 "$ASSAY" worker --drain --lease 30 --threads 1
equal 'lost, then done' '1 lost, 2 ok' "$(attempts "$id")"
before=$(sql 'SELECT * FROM runs ORDER BY run_id' | sha256sum)
kill -CONT "$old" "$victim" 2>/dev/null || true
wait "$victim" || true
fault_held 05_a_worker_that_was_stopped_for_longer_than_its_lease_finds_its_claim_superseded
equal 'the late one wrote nothing' "$before" "$(sql 'SELECT * FROM runs ORDER BY run_id' | sha256sum)"
wait_for 'its job is over' gone "$old"
equal 'no invariant violated' '' "$(violations)"

# 3. The database dies in the middle and comes back; the job's worker finishes it, or the next one does.
submit 3
id=$(job_id)
start database 30
server_dies || fail 'pg_ctl stop'
code 'db up' 0 "$ASSAY" db up
kill -CONT "$job"
first=0
wait "$pid" || first=$?
ok "the worker of the lost database ended ($first)"
sql "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 hour' WHERE job_id = $id AND state = 'leased'"
code 'whatever it left is drained' 0 "$ASSAY" worker --drain --lease 1 --threads 1
equal 'the job is done' 'done' "$(sql "SELECT state FROM jobs WHERE job_id = $id")"
equal 'one result set' 1 "$(sql "SELECT count(*) FROM runs WHERE job_id = $id")"
equal 'no invariant violated' '' "$(violations)"

# 4. SIGTERM gives the job back untouched.
submit 4
id=$(job_id)
start polite 30
kill -TERM "$pid"
kill -CONT "$job"
wait "$pid" || true
equal 'released, and queued again' '1 released|queued' "$(attempts "$id")|$(sql "SELECT state FROM jobs WHERE job_id = $id")"
wait_for 'its job is over' gone "$job"

# 5. A job whose process dies again and again: class crash, tried again, quarantined after three; the worker lives on.
submit 5
background 'worker-crash' "$ASSAY" worker --drain --lease 30 --threads 1
worker=$pid
crash() { gone "$worker" || { job=$(job_of "$worker") && [ "$job" != "${last:-}" ] && kill -STOP "$job"; }; }
deaths=0
poisoned=$id
while [ $deaths -lt 3 ]; do
    wait_for 'the worker has a job' crash
    ! gone "$worker" || break # it gave up the job too early, which the counts below tell
    last=$job
    if [ "$(sql "SELECT state FROM jobs WHERE job_id = $poisoned")" = leased ]; then
        kill -SEGV "$job"
        deaths=$((deaths + 1))
    fi
    kill -CONT "$job" 2>/dev/null || true
done
code 'the worker goes on and ends in order' 0 wait "$worker"
equal 'quarantined after three crashes' 'dead|crash|3' "$(sql "SELECT state, error_class, crashes FROM jobs WHERE job_id = $poisoned")"
equal 'each attempt is on record' '1 released, 2 crashed, 3 crashed, 4 crashed' "$(attempts "$poisoned")"
equal 'the other job is done' 'done' "$(sql "SELECT state FROM jobs WHERE job_id = $(job_id)")"
equal 'no invariant violated' '' "$(violations)"
finish
