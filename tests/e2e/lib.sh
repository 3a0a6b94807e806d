# What the end-to-end tests share. Sourced; the script's name is the test's. ASSAY and MAKE_TINY name the programs.
# A scratch folder that the database's user can enter, the mirror tree with the tiny models, the task library with the
# tests' own tasks in it; all of it, the database and every process are gone when the script ends.
set -eu
export LC_ALL=C
: "${ASSAY:?names the program under test}" "${MAKE_TINY:?names the maker of tiny models}"

top=$(cd "$(dirname "$0")" && pwd)
while [ ! -f "$top/CMakePresets.json" ]; do top=$(dirname "$top"); done
e2e=$top/tests/e2e
tmp=$(mktemp -d /tmp/assay-e2e-XXXXXX)
[ "$(id -u)" != 0 ] || chmod 755 "$tmp"
name=$(basename "$0" .sh)
children=''

unset ASSAY_DATABASE_URL DATABASE_URL PGHOST PGSERVICE PGUSER PGDATABASE PGPORT ASSAY_TASKS HF_ENDPOINT HF_TOKEN \
    HF_HUB_CACHE HF_HUB_OFFLINE ASSAY_THREADS ASSAY_ISA || true
export ASSAY_HOME="$tmp/home" HF_HOME="$tmp/cache" NO_COLOR=1
# A job's process may not be traced once it has shut itself in, which is how leaks are looked for.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"

cleanup() {
    code=$?
    trap - EXIT INT TERM
    for pid in $children; do
        kill -9 "$pid" 2>/dev/null || true
    done
    if [ -d "$ASSAY_HOME/pg" ]; then
        "$ASSAY" db down >/dev/null 2>&1 || true
    fi
    if [ $code != 0 ] && [ $code != 77 ]; then
        for log in "$tmp"/*.log; do
            [ ! -s "$log" ] || { echo "--- $log"; tail -n 30 "$log"; }
        done >&2
    fi
    rm -rf "$tmp"
    exit $code
}
trap cleanup EXIT
trap 'exit 130' INT TERM

checks=0
ok() { checks=$((checks + 1)); echo "ok $checks - $*"; }
fail() { echo "$name: FAILED: $*" >&2; exit 1; }
# fault_held NN_WHAT_IS_EXPECTED: this fault of tests/faults was injected, and what is expected was seen.
fault_held() { checks=$((checks + 1)); printf '[       OK ] fault_%s\n' "$1"; }
finish() { echo "$name: $checks checks"; }

# equal WHAT EXPECTED ACTUAL
equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; ok "$1"; }

# has WHAT TEXT FILE: the file holds the text.
has() { grep -qF -- "$2" "$3" || { cat "$3" >&2; fail "$1: no '$2' in what was printed"; }; ok "$1"; }

# code WHAT EXPECTED COMMAND...: the exit code; what was printed lies in $tmp/out and $tmp/err.
code() {
    what=$1 expected=$2
    shift 2
    got=0
    "$@" >"$tmp/out" 2>"$tmp/err" || got=$?
    if [ "$got" != "$expected" ]; then
        cat "$tmp/out" "$tmp/err" >&2
        fail "$what: expected exit code $expected, got $got"
    fi
    ok "$what: exit code $expected"
}

# wait_for WHAT COMMAND...: polls until the command succeeds; the limit is a hang guard.
wait_for() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 2400 ] || fail "waited in vain: $what"
        sleep 0.05
    done
}

# background LOG COMMAND...: starts it; its process is in $pid.
background() {
    log=$tmp/$1.log
    shift
    "$@" >"$log" 2>&1 &
    pid=$!
    children="$children $pid"
}

# sql TEXT: rows without decoration, fields parted by '|'.
sql() {
    printf '\\set QUIET on\n\\set ON_ERROR_STOP on\n\\pset format unaligned\n\\pset tuples_only on\nSET search_path = assay;\n%s\n' "$1" |
        "$ASSAY" db psql
}

models() { "$MAKE_TINY" "$tmp/hub"; }

# py WHAT PROGRAM [ARG...]: a few lines of Python that look at what came out; an exception is a failure.
py() {
    what=$1 program=$2
    shift 2
    python3 -c "import json, sys
def lines(path): return [json.loads(l) for l in open(path)]
def result(path): return json.load(open(path))['results'][0]
$program" "$@" >&2 || fail "$what"
    ok "$what"
}

# The library's own kinds, and the tests' tasks beside them.
library() {
    mkdir -p "$tmp/tasks"
    cp -R "$top/tasks/kind" "$top/tasks/lib" "$e2e/tasks/." "$tmp/tasks/"
    export ASSAY_TASKS="$tmp/tasks"
}

# The mirror on loopback.
hub() {
    background hub "$ASSAY" hub serve "$tmp/hub" --port 0 --port-file "$tmp/port"
    wait_for 'the hub listens' test -s "$tmp/port"
    HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
    export HF_ENDPOINT
}

# The process that a worker runs its job in, if it has one.
job_of() {
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        { tr '\0' ' ' <"/proc/$child/cmdline"; } 2>/dev/null | grep -q '__job' && { echo "$child"; return 0; }
    done
    return 1
}

# The private cluster's server, as if its plug were pulled.
server_dies() {
    data=$ASSAY_HOME/pg/data
    pg_user=$(stat -c %U "$data")
    pg_ctl=$(ls /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | tail -n 1)
    [ -n "$pg_ctl" ] || pg_ctl=$(command -v pg_ctl)
    if [ "$(id -u)" = 0 ]; then
        (cd / && su -s /bin/sh "$pg_user" -c "'$pg_ctl' stop -s -m immediate -D '$data'")
    else
        "$pg_ctl" stop -s -m immediate -D "$data"
    fi
}

gone() { [ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null; }

# Invariants of the queue, in SQL: each line of output is a violation.
violations() {
    sql "
    SELECT 'job ' || job_id || ': attempts are not 1 to n' FROM attempts GROUP BY job_id
        HAVING min(attempt) <> 1 OR max(attempt) <> count(*);
    SELECT 'job ' || job_id || ': ' || count(*) || ' runs' FROM runs WHERE job_id IS NOT NULL GROUP BY job_id HAVING count(*) <> 1;
    SELECT 'job ' || job_id || ': done without a run' FROM jobs j WHERE state = 'done' AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.job_id);
    SELECT 'run ' || run_id || ': of an attempt that did not end well' FROM runs r JOIN attempts a USING (job_id, attempt)
        WHERE a.outcome IS DISTINCT FROM 'ok' OR a.worker_id <> r.worker_id;
    SELECT 'run ' || run_id || ': without numbers' FROM runs r WHERE NOT EXISTS (SELECT 1 FROM results x WHERE x.run_id = r.run_id);
    SELECT 'run ' || run_id || ': chunks' FROM runs r WHERE n_chunks <> (SELECT count(*) FROM sample_chunks c WHERE c.set_id = r.set_id);
    SELECT 'job ' || job_id || ': two attempts ended well' FROM attempts WHERE outcome = 'ok' GROUP BY job_id HAVING count(*) > 1;
    SELECT 'run ' || r.run_id || ': stored by an attempt that was superseded' FROM runs r JOIN attempts a USING (job_id)
        WHERE a.attempt > r.attempt AND a.started_at < r.finished_at;
    SELECT 'run ' || coalesce(x.run_id, k.run_id) || ': stands and is not the newest, or the reverse' FROM (
        SELECT DISTINCT ON (revision_id, task_id, config_id) run_id FROM runs WHERE purpose = 'eval' AND superseded_at IS NULL
        ORDER BY revision_id, task_id, config_id, finished_at DESC, run_id DESC) x FULL JOIN standing_runs k USING (run_id)
        WHERE x.run_id IS NULL OR k.run_id IS NULL;
    SELECT 'the site shows ' || count(*) FROM site_runs HAVING count(*) <> (SELECT count(*) FROM runs);
    SELECT 'an alarm' FROM events WHERE kind LIKE 'alarm%';"
}

# serve NAME OPTION...: starts the submission service; U is its address. stop WHAT ends it.
serve() {
    rm -f "$tmp/$1.port"
    name_of=$1
    shift
    background "$name_of" "$ASSAY" serve --listen 127.0.0.1:0 --port-file "$tmp/$name_of.port" "$@"
    server=$pid
    wait_for 'the service listens' test -s "$tmp/$name_of.port"
    U=http://127.0.0.1:$(cat "$tmp/$name_of.port")
    export U
}
stop() {
    kill -TERM "$server"
    got=0
    wait "$server" || got=$?
    equal "$1 ends in order" 0 "$got"
}
