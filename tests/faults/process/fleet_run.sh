#!/bin/sh
# Four workers on 300 jobs, 200 kill -9 of workers and some of the processes of their jobs, and a server that crashes in
# between: all jobs end done, each once, by an attempt that held it, with the bits that undisturbed workers get.
#   FLEET_SEED, FLEET_JOBS, FLEET_KILLS   the schedule of faults is the seed's, not the interleaving
. "$(dirname "$0")/../../e2e/lib.sh"
seed=${FLEET_SEED:-7} jobs=${FLEET_JOBS:-300} kills=${FLEET_KILLS:-200}
workers='1 2 3 4'
models
library
export HF_ENDPOINT="$tmp/hub"
. "$(dirname "$0")/tasks.sh"
few_documents 1 2 3
for n in 1 2 3; do # slow, so that there is time to be killed in
    sed "s/\"E2ESlow\"/\"E2EFew$n\"/" "$e2e/tasks/E2ESlow.lua" >"$tmp/tasks/E2EFew$n.lua"
done
random=$seed
pick() { random=$(((random * 1103515245 + 12345) % 2147483648)); picked=$((random / 65536 % $1)); }

# Three jobs at a time: the same tasks, other documents and other examples.
submitted=0
submit() {
    "$ASSAY" submit -s E2EFewSuite --limit $((24 + submitted / 3 % 16)) --seed $((submitted + 1)) tiny/decoder >/dev/null 2>"$tmp/submit.log" ||
        fail "submit: $(cat "$tmp/submit.log")"
    submitted=$((submitted + 3))
}
results() {
    sql "SELECT t.name, c.sample_limit, c.seed, r.bits_sha256, (SELECT string_agg(s.sha256, ' ' ORDER BY chunk) FROM sample_chunks s
        WHERE s.set_id = r.set_id) FROM runs r JOIN tasks t USING (task_id) JOIN configurations c USING (config_id) ORDER BY 1, 2, 3, 4"
}

# ---- what undisturbed workers get ----
home=$ASSAY_HOME
ASSAY_HOME=$tmp/oracle
code 'db init' 0 "$ASSAY" db init
while [ $submitted -lt "$jobs" ]; do submit; done
background oracle "$ASSAY" worker --drain --threads 1 --no-progress
code 'the undisturbed run' 0 "$ASSAY" worker --drain --threads 1
wait "$pid" || fail 'an undisturbed worker'
equal 'undisturbed, all are done' "$submitted" "$(sql "SELECT count(*) FROM jobs WHERE state = 'done'")"
results >"$tmp/oracle.txt"
"$ASSAY" db down >/dev/null 2>&1
ASSAY_HOME=$home

# ---- the fleet ----
code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0, max_crashes = 30000, max_failures = 30000'
start() {
    background "worker-$1" "$ASSAY" worker --lease 5 --threads 1 --no-progress
    eval "pid_$1=\$pid"
}
ended_badly=0
# bury I: a worker that ended by itself is started again; how it may end is in order or with a database that is away.
bury() {
    got=0
    wait "$1" 2>/dev/null || got=$?
    case $got in 0 | 137) ;; *) ended_badly=$((ended_badly + 1)); echo "a worker ended with exit code $got" >&2 ;; esac
}
for i in $workers; do start "$i"; done
submitted=0 killed=0 children_killed=0 crashes=0 tries=0 dry=0
while [ $killed -lt "$kills" ]; do
    tries=$((tries + 1))
    [ $tries -lt 20000 ] || fail "only $killed kills"
    while [ $submitted -lt "$jobs" ] && [ $submitted -lt $((killed * jobs / kills + 12)) ]; do submit; done
    pick 4
    i=$((picked + 1))
    eval "victim=\$pid_$i"
    if gone "$victim"; then
        bury "$victim"
        start "$i"
        continue
    fi
    child=$(job_of "$victim") || {
        sleep 0.02
        dry=$((dry + 1))
        [ $dry -lt 2000 ] || fail "only $killed kills: the jobs are through before"
        [ $((dry % 60)) != 59 ] || [ $submitted -ge "$jobs" ] || submit
        continue
    }
    dry=0
    pick 40
    sleep "0.$(printf %02d $picked)"
    pick 100
    if [ $picked -lt 20 ]; then
        kill -9 "$child" 2>/dev/null && children_killed=$((children_killed + 1))
        continue
    fi
    kill -9 "$victim"
    bury "$victim"
    killed=$((killed + 1))
    start "$i"
    if [ $((killed % 25)) = 0 ]; then
        server_dies >/dev/null 2>&1 && crashes=$((crashes + 1))
    fi
done
while [ $submitted -lt "$jobs" ]; do submit; done
for i in $workers; do
    eval "kill -TERM \$pid_$i 2>/dev/null || true"
    eval "bury \$pid_$i"
done
for i in $workers; do
    background "drain-$i" "$ASSAY" worker --drain --lease 30 --threads 1 --no-progress
    eval "pid_$i=\$pid"
done
for i in $workers; do eval "bury \$pid_$i"; done

echo "seed $seed: $submitted jobs, $killed workers and $children_killed processes of jobs killed, $crashes server crashes," \
    "$(sql 'SELECT count(*) FROM attempts') attempts ($(sql "SELECT string_agg(n || ' ' || o, ', ') FROM (SELECT coalesce(outcome, 'open') AS o,
        count(*) AS n FROM attempts GROUP BY 1 ORDER BY 1) x")), $(find "$ASSAY_HOME/spool/refused" -name '*.res' 2>/dev/null | wc -l) late results refused"
equal 'workers ended as they should' 0 "$ended_badly"
equal 'all jobs are done' "$submitted|$submitted" "$(sql "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FROM jobs")"
equal 'one run each' "$submitted|$submitted" "$(sql 'SELECT count(*), count(DISTINCT job_id) FROM runs')"
equal 'no invariant violated' '' "$(violations)"
equal 'nothing is left in the spool' '' "$(find "$ASSAY_HOME/spool" -maxdepth 1 -name '*.res')"
results >"$tmp/results.txt"
cmp -s "$tmp/oracle.txt" "$tmp/results.txt" || { diff "$tmp/oracle.txt" "$tmp/results.txt" | head; fail 'other results than undisturbed'; }
ok 'numbers and samples are those of undisturbed workers, bit for bit'
fault_held 01_workers_killed_at_random_lose_nothing_and_double_nothing
fault_held 30_a_server_that_crashes_in_between_loses_nothing
finish
