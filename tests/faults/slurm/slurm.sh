#!/bin/sh
# assay worker --slurm on a real Slurm of one machine: 40 jobs drain over array tasks, and scancel, requeue, a killed slurmd,
# a killed slurmctld and a killed puller lose nothing. Slurm's word is never the record: what is done is what PostgreSQL holds.
. "$(dirname "$0")/../../e2e/lib.sh"
. "$(dirname "$0")/cluster.sh"
slurm_here || exit 77
end() {
    code=$?
    trap - EXIT
    slurm_down >/dev/null 2>&1 || true
    set +e
    (exit $code)
    cleanup
}
trap end EXIT
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/../process/tasks.sh"
few_documents 1 2 3 4
# Some five seconds of work before the first answer, on whatever machine: something to be killed in.
began=$(date +%s%3N)
code 'work is measured' 0 "$ASSAY" eval tiny/decoder -t E2ESlow --no-db --threads 1 --out "$tmp/measured"
rounds=$((400000 * 5000 / ($(date +%s%3N) - began)))
sed "s/\"E2ESlow\"/\"E2ELong\"/; s/400000/$rounds/" "$e2e/tasks/E2ESlow.lua" >"$tmp/tasks/E2ELong.lua"
suite E2ELongSuite '"E2ELong"'
slurm_up
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0, max_crashes = 1000'
# Of so little memory that all four run at once: while tasks of an array pend, Slurm sends a signal and calls it refused, and
# scancel sends it again until the puller is gone.
scale() { "$ASSAY" worker --slurm --max-workers 4 --time 10 --threads 1 --max-mem 500 --idle 3 --lease 15 "$@"; }
pullers() { squeue -h -r -n assay-worker -t PENDING,RUNNING -o '%i' | wc -l; }
# one COMMAND...: on a puller that has a job, if there is one just now. One that has none may not have begun, and what befalls
# it befalls nobody.
one() { puller=$(busy) && [ -n "$puller" ] && "$@" "$puller"; }
busy() {
    slurm_job=$(sql "SELECT info ->> 'slurm_job_id' FROM jobs JOIN workers ON worker_id = lease_owner WHERE state = 'leased' LIMIT 1")
    squeue -h -r -n assay-worker -t RUNNING -o '%A %i' | awk -v job="$slurm_job" '$1 == job { print $2 }'
}
no_puller() { [ "$(pullers)" = 0 ]; }
all_run() { [ -z "$(squeue -h -r -n assay-worker -t PENDING -o '%i')" ]; }
cut_off() { sql "SELECT count(*) FROM attempts WHERE outcome <> 'ok'"; }
done_is() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'done'")" -ge "$1" ]; }
submit() { for s; do "$ASSAY" submit -s "$suite" --seed "$s" tiny/decoder >/dev/null 2>&1 || fail 'submit'; done; }
all_done() {
    equal "$1: all are done" "$2|$2" "$(sql "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FROM jobs")"
    equal "$1: no invariant violated" '' "$(violations)"
}
# As cron would: pullers are replaced until the queue is empty.
drain() {
    tries=0
    until done_is "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || fail "the queue does not drain: $(sql 'SELECT * FROM queue_stats') $(squeue)"
        scale >>"$tmp/scale.log" 2>&1 || true
        sleep 1
    done
}

# ---- how many ----
code 'no work, nothing submitted' 0 scale
equal 'no work, no puller' 0 "$(pullers)"
suite=e2e_slow
submit 1 2 3 4 5 6 7 8
suite=E2EFewSuite
submit 1 2 3 4 5 6 7 8
code 'a dry run' 0 scale --dry-run
has 'it prints the script' '#SBATCH --array=0-3' "$tmp/out"
has 'with the signal before the end' '#SBATCH --signal=B:USR1@300' "$tmp/out"
equal 'a dry run submits nothing' 0 "$(pullers)"
code 'forty jobs' 0 scale
equal 'four pullers, as many as allowed' 4 "$(pullers)"
code 'again' 0 scale
has 'it knows those that are there' '4 workers are there' "$tmp/err"
wait_for 'forty jobs are done' done_is 40
all_done 'forty jobs over array tasks' 40
[ "$(sql 'SELECT count(DISTINCT worker_id) FROM runs')" -gt 1 ] || fail 'one worker did it all'
equal 'their Slurm jobs are on record' t "$(sql "SELECT bool_and(info ? 'slurm_job_id') FROM workers WHERE stopped_at IS NOT NULL OR last_seen > started_at")"

# ---- what befalls them ----
suite=E2ELongSuite
disturb() { # WHAT ENDS COMMAND...: in the middle of a job, which ends so: cut off, in good order, or either
    fate=$1 ends=$2
    shift 2
    wait_for "$fate: the pullers before are through" no_puller
    before=$(cut_off)
    submit $((seed + 1)) $((seed + 2)) $((seed + 3)) $((seed + 4))
    seed=$((seed + 4)) total=$((total + 4))
    scale >>"$tmp/scale.log" 2>&1 || true
    wait_for "$fate: the pullers run" all_run
    wait_for "$fate: it befalls one that has a job" "$@"
    drain $total
    all_done "$fate" $total
    case $ends in
    cut_off) [ "$(cut_off)" -gt "$before" ] || fail "$fate: it cut no attempt off" ;;
    in_order) equal "$fate: no attempt is cut off" "$before" "$(cut_off)" ;;
    esac
}
seed=100 total=40
kill_slurmd() { [ -n "$(busy)" ] && daemon_dies slurmd; sleep 1; slurmd_up; }
kill_ctld() { [ -n "$(busy)" ] && daemon_dies slurmctld; sleep 1; ctld_up; wait_for 'Slurm is up again' node_is_up; }
disturb 'scancel' cut_off one scancel
disturb 'requeue' cut_off one scontrol requeue
disturb 'kill -9 of a puller' cut_off one scancel --batch --signal=KILL
disturb 'SIGUSR1 before the end' in_order one scancel --batch --signal=USR1
disturb 'a killed slurmd' either kill_slurmd
disturb 'a killed slurmctld' either kill_ctld
equal 'nothing is left in the spool' '' "$(find "$ASSAY_HOME/spool" -maxdepth 1 -name '*.res' 2>/dev/null)"
echo "$rounds rounds; attempts: $(sql "SELECT string_agg(n || ' ' || o, ', ') FROM (SELECT coalesce(outcome, 'open') AS o, count(*) AS n FROM attempts GROUP BY 1 ORDER BY 1) x")"

# ---- a sick node ----
submit $((seed + 1))
sql "INSERT INTO schema_migrations (version, name, sha256) VALUES (999, 'x', repeat('0', 64))"
sbatch --parsable -n1 --mem=64 -t 5 --requeue --open-mode=append -o "$tmp/sick-slurm.log" --wrap "ASSAY_HOME='$ASSAY_HOME' exec '$ASSAY' worker --once" >"$tmp/sick"
requeued() { scontrol show job "$(cat "$tmp/sick")" | grep -q 'Restarts=[1-9]'; }
wait_for 'exit code 75 makes Slurm try again' requeued
ok 'exit code 75 makes Slurm try again'
scancel "$(cat "$tmp/sick")"
sql 'DELETE FROM schema_migrations WHERE version = 999'
drain $((total + 1))
all_done 'a node that was sick' $((total + 1))
finish
