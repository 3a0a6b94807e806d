#!/bin/sh
# What happens to a worker and to the machine that it runs on.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"
few_documents 1
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0'
n=0
# A job more; its id is in $id.
submit() {
    n=$((n + 1))
    "$ASSAY" submit -s "${1:-E2EFewSuite}" --seed $n tiny/decoder >/dev/null 2>&1 || fail 'submit'
    id=$(sql 'SELECT max(job_id) FROM jobs')
}
state() { sql "SELECT state, crashes, failures FROM jobs WHERE job_id = $id"; }
work() { "$ASSAY" worker --threads 1 "$@"; }
# worker_ends WHAT CODE ENVIRONMENT... : one job under these, how the worker ended; its words are in $tmp/err.
worker_ends() {
    what=$1 expected=$2
    shift 2
    code "$what" "$expected" env "$@" "$ASSAY" worker --once --threads 1
}
drained() { code "$1: afterwards it is done" 0 work --drain; equal "$1: done" 'done' "$(sql "SELECT state FROM jobs WHERE job_id = $id")"; }
in_job() { job=$(job_of "$pid") && kill -STOP "$job"; }
start() { background "$1" "$ASSAY" worker --drain --threads 1 --lease 20; wait_for 'the worker has a job' in_job; }

# ---- signals ----
submit e2e_slow
start term
kill -TERM "$pid"
kill -CONT "$job"
got=0
wait "$pid" || got=$?
equal 'SIGTERM: exit code 0' 0 "$got"
equal 'SIGTERM: the job is back, without a penalty' 'queued|0|0' "$(state)"
equal 'SIGTERM: released' released "$(sql "SELECT outcome FROM attempts WHERE job_id = $id")"
fault_held 03_asked_to_end_a_worker_gives_its_job_back_untouched

start twice
kill -TERM "$pid"
kill -TERM "$pid"
kill -CONT "$job"
got=0
wait "$pid" || got=$?
case $got in 0 | 143) ok "twice SIGTERM: it ends ($got)" ;; *) fail "twice SIGTERM: exit code $got" ;; esac
wait_for 'its job is gone' gone "$job"
fault_held 04_asked_twice_it_ends_at_once
sql "UPDATE jobs SET lease_s = 1, lease_until = clock_timestamp() - interval '1 hour' WHERE state = 'leased'"
drained 'twice SIGTERM'

submit e2e_slow
start orphan
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
wait_for 'the job died with its worker' gone "$job"
fault_held 09_a_job_dies_with_its_worker
sql "UPDATE jobs SET lease_s = 1, lease_until = clock_timestamp() - interval '1 hour' WHERE state = 'leased'"
drained 'killed'

submit e2e_slow
start cancelled
code 'somebody cancels it' 0 "$ASSAY" queue cancel "$id"
wait_for 'the worker ends' gone "$pid"
got=0
wait "$pid" || got=$?
equal 'cancelled: the worker ends in order' 0 "$got"
equal 'cancelled: the job' 'cancelled|0|0' "$(state)"

# ---- disks ----
submit
worker_ends 'no room for the spool: exit code 75' 75 ASSAY_FAULT=disk_full:1+
has 'it says so' 'No space left' "$tmp/err"
equal 'no room for the spool: nothing is done, nothing is counted' 'queued|0|0' "$(state)"
drained 'no room for the spool'
if [ "$(id -u)" = 0 ] && mkdir -p "$ASSAY_HOME/spool" && mount -t tmpfs -o size=64k,mode=755 tmpfs "$ASSAY_HOME/spool" 2>/dev/null; then
    submit
    dd if=/dev/zero of="$ASSAY_HOME/spool/filler" bs=1k count=64 2>/dev/null || true
    got=0
    work --once >"$tmp/out" 2>"$tmp/err" || got=$?
    umount "$ASSAY_HOME/spool"
    equal 'a real full disk: exit code 75' 75 "$got"
    equal 'a real full disk: nothing is done' 'queued|0|0' "$(state)"
    drained 'a real full disk'
else
    echo 'a file system of a test is not allowed here: the place disk_full stood for it'
fi
fault_held 15_a_disk_full_under_the_spool_finishes_nothing

submit
worker_ends 'fsync fails: exit code 75' 75 ASSAY_FAULT=fsync:1
equal 'fsync fails: a lost write, not a result' 'queued|0|0' "$(state)"
equal 'fsync fails: no file is trusted' '' "$(find "$ASSAY_HOME/spool" -name '*.res')"
drained 'fsync fails'
fault_held 19_an_fsync_that_fails_is_a_lost_write

submit
code 'a limit of files: exit code 75' 75 sh -c 'ulimit -f 0; exec "$0" worker --once --threads 1 --no-cache' "$ASSAY"
equal 'a limit of files: nothing is done' 'queued|0|0' "$(state)"
drained 'a limit of files'
fault_held 21_a_limit_of_file_sizes_is_no_death

# Behind its doors a process may be a stranger's, whose word shall not stop this worker: the files are hashed again.
mirror=$HF_ENDPOINT
hub
submit
drained 'a model that came from a hub'
submit
worker_ends 'a read that fails: exit code 75' 75 ASSAY_FAULT=read:1+
has 'it says where' 'are damaged' "$tmp/err"
equal 'a read that fails: the job is untouched' 'queued|0|0' "$(state)"
drained 'a read that fails'
submit
worker_ends 'the machine is blamed, and the files are whole: the worker lives' 0 ASSAY_FAULT=device_lost:1+
equal 'the machine is blamed, and the files are whole: a crash' 'waiting|1|0' "$(state)"
drained 'the machine is blamed, and the files are whole'
submit
weights=$(readlink -f "$(find "$HF_HOME" -name model.safetensors | head -n 1)")
truncate -s -4 "$weights"
worker_ends 'a file that became short: exit code 75' 75
has 'it says which' 'are damaged' "$tmp/err"
equal 'a file that became short: the job is untouched' 'queued|0|0' "$(state)"
gone_file() { [ ! -e "$weights" ]; }
code 'a file that became short: it is not kept' 0 gone_file
drained 'a file that became short, and is fetched again'
HF_ENDPOINT=$mirror
fault_held 18_a_read_that_fails_is_the_machines_and_the_files_are_hashed_again

# The model's file loses its end under a process that has it mapped.
submit
background sigbus env 'ASSAY_FAULT=parsed:1!STOP' "$ASSAY" worker --once --threads 1 --lease 60
is_open() { job=$(job_of "$pid") && grep -q '^State:[[:space:]]*T' "/proc/$job/status"; }
wait_for 'the model is open' is_open
file=$(find "$tmp/hub" -path '*decoder*' -name model.safetensors | head -n 1)
cp "$file" "$tmp/kept"
: >"$file"
kill -CONT "$job"
code 'a file that is cut while it is mapped: the worker lives' 0 wait "$pid"
grep -qE 'signal 7|AddressSanitizer: BUS' "$tmp/sigbus.log" || fail 'a file that is cut while it is mapped: no SIGBUS'
equal 'a file that is cut while it is mapped: a crash' 'waiting|1|0' "$(state)"
cat "$tmp/kept" >"$file"
drained 'a file that is cut while it is mapped'
fault_held 73_a_file_that_is_cut_while_it_is_mapped_costs_the_process_not_the_worker

if [ "$(id -u)" != 0 ]; then
    submit
    mkdir -p "$tmp/sealed"
    chmod 500 "$tmp/sealed"
    worker_ends 'a cache that is read-only: exit code 75' 75 HF_HOME="$tmp/sealed/cache"
    drained 'a cache that is read-only'
fi

# ---- the process ----
submit
worker_ends 'a device that is said to be lost, and is not: the worker lives' 0 ASSAY_FAULT=device_lost:1+
equal 'a device that is said to be lost: the job crashed' 'waiting|1|0' "$(state)"
drained 'a device that is said to be lost'
submit
worker_ends 'a device that is lost: exit code 75' 75 ASSAY_FAULT=device_lost:1+,device:1+
equal 'a device that is lost: the job may run elsewhere' 'queued|0|0' "$(state)"
equal 'a device that is lost: no other job was taken' 0 "$(sql "SELECT count(*) FROM jobs WHERE state = 'leased'")"
fault_held 28_a_device_that_is_lost_ends_the_worker
drained 'a device that is lost'

submit
worker_ends 'too little memory: the worker lives' 0 ASSAY_FAULT=memory:1+
equal 'too little memory: said before a weight is read' 'waiting|0|1|resource' \
    "$(sql "SELECT state, crashes, failures, error_class FROM jobs WHERE job_id = $id")"
[ "$(sql "SELECT needs_mb FROM jobs WHERE job_id = $id")" -gt 0 ] || fail 'too little memory: what it needs is not known'
fault_held 12_what_does_not_fit_memory_is_refused_before_it_is_loaded
drained 'too little memory'

submit
code 'no descriptors: exit code 75' 75 sh -c 'ulimit -n 13; exec "$0" worker --once --threads 1' "$ASSAY"
equal 'no descriptors: the job is untouched' 'queued|0|0' "$(state)"
drained 'no descriptors'
fault_held 20_without_descriptors_it_is_the_machines_fault

# ---- clocks ----
submit
code 'a heartbeat that never arrives' 0 env ASSAY_FAULT=heartbeat:1+ "$ASSAY" worker --once --threads 1 --lease 60
equal 'a short job needs none' 'done' "$(sql "SELECT state FROM jobs WHERE job_id = $id")"
submit e2e_slow
code 'the machine was asleep' 0 env ASSAY_FAULT=suspend:1+ "$ASSAY" worker --once --threads 1
has 'it stops by itself' 'lease is over' "$tmp/err"
equal 'it wrote nothing, and gives it back as it ends' 'queued|0|0' "$(state)"
fault_held 23_after_a_suspend_a_worker_stops_by_itself
drained 'the machine was asleep'
if command -v faketime >/dev/null; then
    # The address sanitizer, where the program has it, wants to be the first library.
    first=''
    ! grep -qaF __asan_init "$ASSAY" || first="$(gcc -print-file-name=libasan.so) "
    for jump in '-1 hour' '+1 hour' '+10 years' '-10 years'; do
        submit
        code "the clock at $jump" 0 env LD_PRELOAD="$first/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1" \
            FAKETIME="$jump" DONT_FAKE_MONOTONIC=1 "$ASSAY" worker --once --threads 1
        equal "the clock at $jump: done" 'done|0|0' "$(state)"
    done
    fault_held 22_leases_go_by_the_clock_of_the_database
else
    echo 'faketime is not installed: clocks did not jump'
fi
equal 'no invariant violated' '' "$(violations)"
finish
