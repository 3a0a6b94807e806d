#!/bin/sh
# The whole road: hub on loopback, submission, two workers, results, website, board; and all of it again, which changes
# nothing. What the queue stored is bit for bit what `assay eval` prints.
. "$(dirname "$0")/lib.sh"
models
library
hub

code 'db init' 0 "$ASSAY" db init
code 'db init once more' 0 "$ASSAY" db init
code 'submit' 0 "$ASSAY" submit -s e2e tiny/encoder tiny/decoder
equal 'three jobs, by what each model can do' 'tiny/decoder|E2EChoice tiny/encoder|E2ELookup tiny/encoder|E2EPairs' \
    "$(sql "SELECT m.name || '|' || t.name FROM jobs JOIN revisions USING (revision_id) JOIN models m USING (model_id)
        JOIN tasks t USING (task_id) ORDER BY 1" | paste -sd' ')"
equal 'all of them queued' 'queued|3' "$(sql 'SELECT state, count(*) FROM jobs GROUP BY 1')"

work() {
    background "worker-1-$1" "$ASSAY" worker --drain --threads 1
    first=$pid
    background "worker-2-$1" "$ASSAY" worker --drain --threads 2
    wait "$first" || fail "the first worker ended with $?"
    wait "$pid" || fail "the second worker ended with $?"
    ok "two workers drained the queue ($1)"
}
work one
equal 'all of them done at the first attempt' 'done|1|3' "$(sql 'SELECT state, attempt, count(*) FROM jobs GROUP BY 1, 2')"
equal 'no invariant violated' '' "$(violations)"
equal 'every main value has a standard error' '3|3' \
    "$(sql "SELECT count(*), count(stderr) FILTER (WHERE stderr > 0) FROM runs JOIN results r USING (run_id) WHERE metric = main AND subset = ''")"
equal 'samples are kept' '3' "$(sql 'SELECT count(DISTINCT set_id) FROM sample_chunks JOIN runs USING (set_id)')"
equal 'queue wait has nothing to wait for' 0 "$("$ASSAY" queue wait >/dev/null && echo 0)"
code 'queue ls' 0 "$ASSAY" queue ls
has 'shows the model' tiny/encoder "$tmp/out"
code 'result ls' 0 "$ASSAY" result ls
has 'shows the task' E2ELookup "$tmp/out"
code 'suite board' 0 "$ASSAY" suite board e2e
has 'shows the models' tiny/encoder "$tmp/out"

state() { sql "SELECT run_id, record_sha256 FROM runs ORDER BY 1; SELECT job_id, state, attempt FROM jobs ORDER BY 1; SELECT count(*) FROM submissions"; }
site() { "$ASSAY" site build -o "$tmp/site" >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/err" >&2; fail 'site build'; }; }
sums() { (cd "$tmp/site" && find . -type f -exec sha256sum {} + | sort); }
site
ok 'site build'
code 'site check' 0 "$ASSAY" site check "$tmp/site"
grep -rqF tiny/encoder "$tmp/site" || fail 'the site does not name the model'
ok 'the site names the model'
state >"$tmp/before"
sums >"$tmp/sums"
find "$tmp/site" -type f -printf '%p %i %T@\n' | sort >"$tmp/files"

code 'the same submission again' 0 "$ASSAY" submit -s e2e tiny/encoder tiny/decoder
work two
state | cmp - "$tmp/before" || fail 'the second time changed the database'
ok 'nothing changed in the database'
site
sums | diff "$tmp/sums" - >&2 || fail 'the second build changed the site'
find "$tmp/site" -type f -printf '%p %i %T@\n' | sort | cmp - "$tmp/files" || fail 'the second build wrote files anew'
ok 'no file of the site was written anew'

# The same numbers without queue or database, to the last bit.
for task in E2EChoice:tiny/decoder E2EPairs:tiny/encoder E2ELookup:tiny/encoder; do
    "$ASSAY" eval "${task#*:}" -t "${task%:*}" --no-db --json --threads 2 >"$tmp/eval.json" 2>"$tmp/err" || fail "eval $task"
    python3 - "$tmp/eval.json" >"$tmp/direct" <<'PY'
import json, sys
result, = json.load(open(sys.argv[1]))["results"]
for name, m in sorted(result["metrics"].items()):
    print(result["task"], name, *(float(m[k]).hex() if m[k] is not None else "-" for k in ("value", "stderr", "low", "high")), sep="|")
PY
    sql "SELECT t.name, metric, value, stderr, low, high FROM runs JOIN tasks t USING (task_id) JOIN results USING (run_id)
        WHERE t.name = '${task%:*}' AND subset = '' ORDER BY metric COLLATE \"C\"" |
        python3 -c '
import sys
for line in sys.stdin:
    task, name, *numbers = line.rstrip("\n").split("|")
    print(task, name, *(float(x).hex() if x else "-" for x in numbers), sep="|")' >"$tmp/stored"
    cmp "$tmp/direct" "$tmp/stored" || { diff "$tmp/direct" "$tmp/stored" >&2; fail "eval and queue differ on $task"; }
    ok "eval gives the bits that the queue stored: $task"
done

# A folder, evaluated without the queue and stored; then submitted, and found by a worker on this machine.
code 'eval of a folder into the database' 0 "$ASSAY" eval "$tmp/hub/models/tiny/encoder" -t E2EPairs
equal 'its run is stored under a local name' '1' \
    "$(sql "SELECT count(*) FROM runs JOIN revisions USING (revision_id) JOIN models m USING (model_id) WHERE m.name = 'local/encoder' AND m.kind = 'local'")"
code 'submission of a folder' 0 "$ASSAY" submit -s e2e "$tmp/hub/models/tiny/decoder"
work three
equal 'its job is done' 'done' \
    "$(sql "SELECT state FROM jobs JOIN revisions USING (revision_id) JOIN models m USING (model_id) WHERE m.name = 'local/decoder'")"

# A folder that is another model by the time its turn comes.
cp -R "$tmp/hub/models/tiny/decoder" "$tmp/changing"
code 'submission of a folder that will change' 0 "$ASSAY" submit -s e2e "$tmp/changing"
printf 'x' | dd of="$tmp/changing/model.safetensors" bs=1 seek=4000 conv=notrunc status=none
work four
equal 'its job fails for good' 'dead' \
    "$(sql "SELECT state FROM jobs JOIN revisions USING (revision_id) JOIN models m USING (model_id) WHERE m.name = 'local/changing'")"
code 'the queue says why' 0 "$ASSAY" queue show "$(sql "SELECT job_id FROM jobs JOIN revisions USING (revision_id) JOIN models m USING (model_id) WHERE m.name = 'local/changing'")"
has 'by its content' 'is not the one that is meant' "$tmp/out"
finish
