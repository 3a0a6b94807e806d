#!/bin/sh
# An evaluation that is stopped or killed goes on where it was: whatever has an answer isn't asked again, the result has
# the bits of one that went through, and it is stored once. Vectors outlast their evaluation; a dry run does nothing.
. "$(dirname "$0")/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"

# Many documents, so that there is time to be killed in: prompts of letters that the tiny tokenizers know.
python3 - "$tmp/tasks" <<'PY'
import json, random, sys
rng = random.Random(5)
word = lambda n: "".join(rng.choice("abcdefghijklmnop") for _ in range(n))
with open(sys.argv[1] + "/data/many.jsonl", "w") as f:
    for i in range(3000):
        q = " ".join(word(rng.randint(1, 6)) for _ in range(rng.randint(5, 18)))
        f.write(json.dumps({"q": q, "options": [word(3), word(5), word(2)], "answer": rng.randint(0, 2)}) + "\n")
with open(sys.argv[1] + "/data/couples.jsonl", "w") as f:
    for i in range(300):
        f.write(json.dumps({"a": word(4) + " " + word(3), "b": word(4), "score": rng.random() * 5}) + "\n")
with open(sys.argv[1] + "/data/crowd.jsonl", "w") as f:
    for i in range(2500):
        a, b = (" ".join(word(rng.randint(1, 6)) for _ in range(rng.randint(2, 9))) for _ in range(2))
        f.write(json.dumps({"a": a, "b": b, "score": rng.random() * 5}) + "\n")
PY
cat >"$tmp/tasks/E2EMany.lua" <<'L'
return choice {
  name = "E2EMany", version = 1, data = file "data/many.jsonl" {},
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  main = "acc", report = { "acc", "acc_norm" }, licence = "CC0-1.0",
}
L
for n in One Two Crowd; do
    data=couples.jsonl
    [ $n != Crowd ] || data=crowd.jsonl
    cat >"$tmp/tasks/E2ECouples$n.lua" <<L
return sts {
  name = "E2ECouples$n", version = 1, data = file "data/$data" {},
  pair = function(row) return row.a, row.b, row.score end, range = { 0, 5 }, main = "cosine_spearman", licence = "CC0-1.0",
}
L
done
many() { "$ASSAY" eval tiny/decoder -t E2EMany --threads 1 --no-progress --json "$@"; }

# What must be equal of two results: all but time and how the answers came about.
same='def core(r): return {k: v for k, v in r.items() if k not in ("seconds", "tokens_computed", "answers_reused", "delivered")}
a, b = result(sys.argv[1]), result(sys.argv[2])
assert core(a) == core(b), (core(a), core(b))
'
many --no-db --samples --out "$tmp/whole" >"$tmp/whole.json"
equal 'a finished evaluation leaves no answers' '' "$(ls "$ASSAY_HOME/resume")"

# 1. Ctrl-C, as soon as answers are kept.
kept() {
    find "$ASSAY_HOME/resume" "$ASSAY_HOME/cache/vectors" -type f -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}
more_is_kept() { [ "$(kept)" -gt $((before + 4096)) ]; }
begin() {
    before=$(kept)
    setsid "$ASSAY" eval --threads 1 --no-progress --json "$@" >"$tmp/cut.json" 2>"$tmp/cut.log" &
    pid=$!
    children="$children $pid"
    wait_for 'more answers are kept' more_is_kept
}
start() { begin tiny/decoder -t E2EMany "$@"; }
# ended WHAT EXPECTED: how the command in the background ended.
ended() {
    got=0
    wait "$pid" || got=$?
    equal "$1" "$2" "$got"
}
start --no-db
kill -INT "$pid"
ended 'stopped: exit code 9' 9
has 'it says how to go on' '--resume' "$tmp/cut.log"
code 'a dry run of the rest' 0 many --no-db --resume --dry-run
what='the dry run knows what is left'
py "$what" 'p = json.load(open(sys.argv[1]))["total"]
assert 0 < p["reused"] < 3000 and p["requests"] == 3000, p
assert 0 < p["tokens_computed"] < p["tokens_asked"] and p["memory_bytes"] > 0 and p["seconds"] > 0, p' "$tmp/out"
code 'going on' 0 many --no-db --resume --samples --out "$tmp/resumed"
cp "$tmp/out" "$tmp/resumed.json"
what='the same result after a stop'
py "$what" "$same"'assert 0 < b["answers_reused"] < 3000 and a["answers_reused"] == 0, b
assert b["tokens_asked"] == a["tokens_asked"] and b["tokens_computed"] < a["tokens_computed"]' "$tmp/whole.json" "$tmp/resumed.json"
for run in whole resumed; do
    find "$tmp/$run" -name 'samples_*.jsonl' -exec cat {} + >"$tmp/$run.samples"
done
[ "$(wc -l <"$tmp/whole.samples")" = 3000 ] || fail 'there are samples'
equal 'the same samples to the byte' "$(sha256sum <"$tmp/whole.samples")" "$(sha256sum <"$tmp/resumed.samples")"

# The same in other precisions, and for vectors.
interrupted() { # MODEL TASK DTYPE
    code "$1 in $3, whole" 0 "$ASSAY" eval "$1" -t "$2" --dtype "$3" --no-db --no-cache --no-progress --json
    cp "$tmp/out" "$tmp/whole-2.json"
    begin "$1" -t "$2" --dtype "$3" --no-db
    kill -INT "$pid"
    ended "$1 in $3, stopped" 9
    code "$1 in $3, resumed" 0 "$ASSAY" eval "$1" -t "$2" --dtype "$3" --no-db --resume --threads 2 --no-progress --json
    what="$1 in $3: the same result"
    py "$what" "$same"'assert b["answers_reused"] > 0 and 0 < b["tokens_computed"] < a["tokens_computed"], b' "$tmp/whole-2.json" "$tmp/out"
    rm -rf "$ASSAY_HOME/cache/vectors"
}
interrupted tiny/decoder E2EMany bf16
interrupted tiny/encoder E2ECouplesCrowd f32
interrupted tiny/encoder E2ECouplesCrowd bf16

# 2. kill -9, again and again: the command itself, the process of its job.
rm -rf "$ASSAY_HOME/resume"
for victim in command job command; do
    start --no-db --resume
    if [ $victim = command ]; then
        kill -9 "$pid"
        ended 'the command is killed' 137
    else
        kill -9 "$(job_of "$pid")"
        ended "the job's process is killed: exit code 6" 6
        has 'it says how to go on' '--resume' "$tmp/cut.log"
    fi
done
code 'going on after three deaths' 0 many --no-db --resume
what='the same result after kill -9'
py "$what" "$same"'assert 0 < b["answers_reused"] < 3000, b' "$tmp/whole.json" "$tmp/out"

# 3. With a database: each task has one run, also the one that was through before the stop.
code 'db init' 0 "$ASSAY" db init
begin tiny/decoder -t E2EChoice -t E2EMany
kill -INT "$pid"
ended 'stopped in the second task' 9
equal 'the first task is stored' E2EChoice "$(sql 'SELECT string_agg(name, $$ $$) FROM runs JOIN tasks USING (task_id)')"
code 'going on, stored' 0 "$ASSAY" eval tiny/decoder -t E2EChoice -t E2EMany --resume --no-progress --json
equal 'one run a task' 'E2EChoice E2EMany' "$(sql 'SELECT string_agg(name, $$ $$ ORDER BY name) FROM runs JOIN tasks USING (task_id)')"
what='the same result, stored'
python3 -c 'import json, sys
document = json.load(open(sys.argv[1]))
document["results"] = document["results"][1:]
json.dump(document, open(sys.argv[1], "w"))' "$tmp/out"
py "$what" "$same" "$tmp/whole.json" "$tmp/out"

# 4. Vectors: a second task over the same texts computes nothing; a flag turns that off.
embed() { "$ASSAY" eval tiny/encoder --no-db --no-progress --json "$@"; }
code 'the first task' 0 embed -t E2ECouplesOne
cp "$tmp/out" "$tmp/one.json"
code 'the second task' 0 embed -t E2ECouplesTwo
cp "$tmp/out" "$tmp/two.json"
code 'the second task without the cache' 0 embed -t E2ECouplesTwo --no-cache
what='equal texts are embedded once, across tasks and commands'
py "$what" 'one, two, afresh = map(result, sys.argv[1:])
assert one["tokens_computed"] > 0 and two["tokens_computed"] == 0, two
assert two["answers_reused"] > 500, two
assert one["metrics"] == two["metrics"] == afresh["metrics"]
assert afresh["tokens_computed"] == one["tokens_computed"] and afresh["answers_reused"] == 0' "$tmp/one.json" "$tmp/two.json" "$tmp/out"
printf 'More noise.\n' >>"$tmp/hub/models/tiny/encoder/README.md"
code 'the files of the model have changed' 0 embed -t E2ECouplesTwo
what='another model, other vectors'
py "$what" 'r = result(sys.argv[1]); assert r["tokens_computed"] > 0 and r["answers_reused"] == 0, r' "$tmp/out"

# 5. A plan for a model on a hub fetches neither its weights nor the data twice; a task's data comes from there too.
hub
mkdir -p "$tmp/hub/datasets/tiny/choice"
cp "$tmp/tasks/data/many.jsonl" "$tmp/hub/datasets/tiny/choice/test.jsonl"
sed 's|data = file "data/many.jsonl" {}|data = hub "tiny/choice" { revision = "0000000000000000000000000000000000000000", test = "test" }|; s|E2EMany|E2EHub|' \
    "$tmp/tasks/E2EMany.lua" >"$tmp/tasks/E2EHub.lua"
code 'a plan' 0 "$ASSAY" eval tiny/decoder -t E2EHub --no-db --no-progress --dry-run --json
equal 'no weights were fetched' '' "$(find "$HF_HOME" -name '*.safetensors')"
what='tokens and memory are known without weights, the time is not'
py "$what" 'p = json.load(open(sys.argv[1]))["plans"][0]
assert p["fetch_bytes"] > 1000 and p["seconds"] is None and p["tokens_computed"] > 0 and p["memory_bytes"] > 0, p' "$tmp/out"
cp "$tmp/out" "$tmp/plan.json"
code 'the evaluation' 0 "$ASSAY" eval tiny/decoder -t E2EHub --no-db --no-progress --json
what='it took what the plan said'
py "$what" 'p, r = json.load(open(sys.argv[1]))["plans"][0], result(sys.argv[2])
assert (p["tokens_asked"], p["tokens_computed"]) == (r["tokens_asked"], r["tokens_computed"]), (p, r)' "$tmp/plan.json" "$tmp/out"
code 'a plan with the weights here' 0 "$ASSAY" eval tiny/decoder -t E2EHub --no-db --no-progress --dry-run --json
what='the same work and memory, and now its time'
py "$what" 'p, q = (json.load(open(f))["plans"][0] for f in sys.argv[1:])
assert q["fetch_bytes"] == 0 and q["seconds"] > 0 and q["tokens_computed"] == p["tokens_computed"], q
assert abs(p["memory_bytes"] - q["memory_bytes"]) < 0.05 * q["memory_bytes"], (p, q)' "$tmp/plan.json" "$tmp/out"

# 6. A place that cannot be written is said, and no more than that.
export ASSAY_HOME="$tmp/file-in-the-way/home"
: >"$tmp/file-in-the-way"
code 'nowhere to keep answers' 0 embed -t E2ECouplesOne
has 'it says so' 'not kept' "$tmp/err"
finish
