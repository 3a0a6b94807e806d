#!/bin/sh
# The plug is pulled: workers, their jobs and the database are killed at once, in the middle of everything, and started
# again. What was done stays done, what was begun is finished, each once, with the bits that an undisturbed worker gets.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"
few_documents 1 2 3
# Without examples, which would be others for each seed.
sed -i 's/ { shots = "[^"]*" }/ {}/; s/shots = 2, //' "$tmp"/tasks/E2EFew*.lua
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
submit() { "$ASSAY" submit -s E2EFewSuite --seed "$1" tiny/decoder >/dev/null 2>&1 || fail 'submit'; }
finished() { sql "SELECT count(*) FROM jobs WHERE state = 'done'"; }
bits() { sql "SELECT string_agg(DISTINCT t.name || ' ' || r.bits_sha256, ', ') FROM runs r JOIN tasks t USING (task_id)"; }

submit 1
code 'undisturbed' 0 "$ASSAY" worker --drain --threads 1
undisturbed=$(bits)
for n in 1 2 3; do # the same documents, but the answers take a while
    sed "s/\"E2ESlow\"/\"E2ESlow$n\"/" "$e2e/tasks/E2ESlow.lua" >"$tmp/tasks/E2ESlow$n.lua"
done
suite E2ESlowSuite '"E2ESlow1", "E2ESlow2", "E2ESlow3"'

# The database's processes: the one that was started, and all that it has started.
server_pids() {
    postmaster=$(head -n 1 "$ASSAY_HOME/pg/data/postmaster.pid")
    echo "$postmaster" "$(cat "/proc/$postmaster/task/$postmaster/children")"
}
somebody_works() { { one=$(job_of "$first") || one=''; other=$(job_of "$second") || other=''; } && [ -n "$one$other" ]; }
more_are_done() { [ "$(finished)" -gt "$before" ]; }

for round in 1 2 3; do
    before=$(finished)
    submit $((10 * round))
    "$ASSAY" submit -s E2ESlowSuite --seed "$round" tiny/decoder >/dev/null 2>&1 || fail 'submit'
    background "first-$round" "$ASSAY" worker --drain --threads 1 --lease 60
    first=$pid
    background "second-$round" "$ASSAY" worker --drain --threads 1 --lease 60
    second=$pid
    wait_for 'something is done' more_are_done
    wait_for 'somebody is at work' somebody_works
    known=$(sql "SELECT string_agg(job_id || ' ' || record_sha256, ', ' ORDER BY job_id) FROM jobs WHERE state = 'done'")
    # shellcheck disable=SC2046,SC2086
    kill -9 "$first" "$second" $one $other $(server_pids) 2>/dev/null || true
    wait "$first" "$second" 2>/dev/null || true
    for pid in $first $second $one $other; do wait_for 'all are gone' gone "$pid"; done
    code "round $round: the database comes back" 0 "$ASSAY" db up
    equal "round $round: what was known to be done is done" t "$(sql "SELECT count(*) = array_length(string_to_array('$known', ', '), 1)
        FROM jobs WHERE state = 'done' AND job_id || ' ' || record_sha256 = ANY (string_to_array('$known', ', '))")"
    sql "UPDATE jobs SET lease_s = 1, lease_until = clock_timestamp() - interval '1 hour' WHERE state = 'leased'"
    code "round $round: a worker drains the queue" 0 "$ASSAY" worker --drain --threads 1
    equal "round $round: all are done" 0 "$(sql "SELECT count(*) FROM jobs WHERE state <> 'done'")"
    equal "round $round: one run each" t "$(sql 'SELECT count(*) = count(DISTINCT job_id) AND count(*) = (SELECT count(*) FROM jobs) FROM runs')"
    equal "round $round: nothing is left in the spool" '' "$(find "$ASSAY_HOME/spool" -maxdepth 1 -name '*.res')"
    equal "round $round: no invariant violated" '' "$(violations)"
done
equal 'the undisturbed bits' "$undisturbed" "$(sql "SELECT string_agg(DISTINCT t.name || ' ' || r.bits_sha256, ', ')
    FROM runs r JOIN tasks t USING (task_id) WHERE t.name LIKE 'E2EFew%'")"
equal 'the slow ones have one result, too' 3 "$(sql "SELECT count(DISTINCT t.name || r.bits_sha256) FROM runs r JOIN tasks t USING (task_id)
    WHERE t.name LIKE 'E2ESlow%'")"
fault_held 30_all_that_runs_is_killed_at_once_as_by_a_reboot_and_nothing_is_lost
finish
