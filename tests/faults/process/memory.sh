#!/bin/sh
# Memory that is not there: for a step of a model, and for whatever else a worker and its job's process ask for.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"

# ---- of the device ----
measure() {
    what=$1 model=$2 task=$3
    shift 3
    env "$@" "$ASSAY" eval "tiny/$model" -t "$task" --no-db --no-cache --no-progress --json --samples --out "$tmp/$what" --threads 1 >"$tmp/$what.json"
}
samples() { find "$tmp/$1" -name 'samples_*' -exec cat {} + | sha256sum; }
for pair in decoder:E2EChoice encoder:E2EPairs encoder:E2ELookup; do
    model=${pair%:*} task=${pair#*:}
    measure "$task" "$model" "$task" ASSAY_FAULT=device_memory:100000
    # The first buffer, some later one, the keys and values of the first run, and what is asked for when it is tried again.
    for fault in device_memory:1 device_memory:9 device_memory:2,device_memory:4 device_memory:25 device_memory:26 device_memory:27; do
        measure "$task-hurt" "$model" "$task" "ASSAY_FAULT=$fault" || fail "$task: $fault"
        equal "$task, $fault: the same samples" "$(samples "$task")" "$(samples "$task-hurt")"
        rm -rf "$tmp/$task-hurt"
    done
    py "$task: the same numbers" 'a, b = result(sys.argv[1]), result(sys.argv[2])
assert a["metrics"] == b["metrics"] and a["n"] == b["n"], (a["metrics"], b["metrics"])' "$tmp/$task.json" "$tmp/$task-hurt.json"
done
few_documents 1
# Without examples, which would be others for each seed.
sed -i 's/ { shots = "[^"]*" }/ {}/; s/shots = 2, //' "$tmp"/tasks/E2EFew*.lua
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
seed=0
submit() {
    seed=$((seed + 1))
    "$ASSAY" submit -s E2EFewSuite --seed $seed tiny/decoder >/dev/null 2>&1 || fail 'submit'
    id=$(sql 'SELECT max(job_id) FROM jobs')
}
bits() { sql "SELECT bits_sha256 FROM runs WHERE job_id = $id"; }
drained() {
    sql "UPDATE jobs SET lease_s = 1, lease_until = clock_timestamp() - interval '1 hour' WHERE state = 'leased'"
    code "$1: afterwards it is done" 0 "$ASSAY" worker --drain --threads 1
    equal "$1: the undisturbed bits" "$undisturbed" "$(bits)"
    equal "$1: never a crash" 0 "$(sql "SELECT crashes FROM jobs WHERE job_id = $id")"
}
submit
code 'undisturbed' 0 "$ASSAY" worker --once --threads 1
undisturbed=$(bits)
submit
code 'a device with no memory at all: the worker lives' 0 env ASSAY_FAULT=device_memory:1+ "$ASSAY" worker --once --threads 1
equal 'a device with no memory at all: a failure, for want of memory' 'waiting|0|1|resource' \
    "$(sql "SELECT state, crashes, failures, error_class FROM jobs WHERE job_id = $id")"
drained 'a device with no memory at all'
fault_held 26_a_device_that_has_less_memory_is_asked_in_smaller_steps_for_the_same_bits

# ---- of the program ----
died=0 tried=0
for n in 1 2 3 5 8 13 21 34 55 89 144 233 377 610 987 1597 2584 4181 10946; do
    submit
    got=0
    ASSAY_FAULT=malloc:$n "$ASSAY" worker --once --threads 1 >"$tmp/malloc.log" 2>&1 || got=$?
    case $got in
    0) ;; # its job's process, or nobody
    6 | 75) died=$((died + 1)) ;;
    *) fail "allocation $n fails: exit code $got" ;;
    esac
    ! grep -qE 'Sanitizer|runtime error' "$tmp/malloc.log" || fail "allocation $n fails: a sanitizer speaks"
    tried=$((tried + 1))
    drained "allocation $n fails"
done
[ $died -ge 8 ] || fail "the worker itself ended $died times only"
equal 'no invariant violated' '' "$(violations)"
echo "$tried allocations failed: the worker ended $died times"
fault_held 11_an_allocation_that_fails_is_an_exit_code_and_loses_nothing
finish
