#!/bin/sh
# What a stored number rests on: scored again from its samples, measured again from its record, checked against itself.
# And what each of these refuses: samples that are gone or changed, another task, other data, another model.
. "$(dirname "$0")/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
cd "$tmp"

# tamper SQL: rows are final; whoever owns the tables can change them all the same.
tamper() {
    sql "BEGIN; ALTER TABLE results DISABLE TRIGGER results_are_final; ALTER TABLE runs DISABLE TRIGGER runs_are_final; $1;
        ALTER TABLE results ENABLE TRIGGER results_are_final; ALTER TABLE runs ENABLE TRIGGER runs_are_final; COMMIT"
}
# seal RUN: its record's hash anew, as who tampers thoroughly would make it. The text is as the program writes it.
seal() {
    hash=$("$ASSAY" result show "$1" --json | python3 -c '
import hashlib, json, re, sys
record = json.load(sys.stdin)["record"]
def number(x): return ("%.17g" % x) if "." in "%.17g" % x or "e" in "%.17g" % x else "%.17g.0" % x
def text(v):
    if isinstance(v, dict): return "{" + ",".join(json.dumps(k) + ":" + text(v[k]) for k in sorted(v)) + "}"
    if isinstance(v, list): return "[" + ",".join(map(text, v)) + "]"
    return number(v) if isinstance(v, float) else json.dumps(v, ensure_ascii=False)
print(hashlib.sha256(text(record).encode()).hexdigest())')
    tamper "UPDATE runs SET record_sha256 = '$hash' WHERE run_id = $1"
}

code 'db init' 0 "$ASSAY" db init
code 'a language model' 0 "$ASSAY" eval tiny/decoder -t E2EChoice --out "$tmp/out1" --samples
code 'an embedding model' 0 "$ASSAY" eval tiny/encoder -t E2EPairs,E2ELookup --out "$tmp/out2" --samples
equal 'three runs' '1|E2EChoice 2|E2EPairs 3|E2ELookup' \
    "$(sql 'SELECT run_id, t.name FROM runs JOIN tasks t USING (task_id) ORDER BY 1' | paste -sd' ')"
record1=$(echo "$tmp"/out1/tiny__decoder/assay_E2E*.json)
samples1=$(echo "$tmp"/out1/tiny__decoder/assay_samples_*.jsonl)
py 'a result says which model it was' 'r, = json.load(open(sys.argv[1]))["results"]
assert len(r["revision"]) == 40 and len(r["samples_sha256"]) == 64, r' "$record1"

# ---- rescore ----

code 'all of them again' 0 "$ASSAY" rescore 1 tiny/encoder --json
py 'equal to the bit, every metric' 'd = json.load(open(sys.argv[1]))
assert d["schema"] == "assay.rescore/1" and [r["run"] for r in d["results"]] == [1, 2, 3], d
assert all(m["equal"] for r in d["results"] for m in r["metrics"]) and all(r["equal"] for r in d["results"])' "$tmp/out"
code 'the files again' 0 "$ASSAY" rescore out1 ./out2
has 'equal too' 'equal bits' "$tmp/out"
equal 'nothing was stored' 3 "$(sql 'SELECT count(*) FROM runs')"

# As if an earlier build had another rule for acc.
old='0.0.9+0123456789ab'
tamper "UPDATE results SET value = 0.125 WHERE run_id = 1 AND metric = 'acc';
    UPDATE runs SET harness_build = '$old', record = jsonb_set(jsonb_set(record, '{metrics,0,value}', '0.125'), '{harness_build}', '\"$old\"') WHERE run_id = 1"
code 'another rule, looked at only' 10 "$ASSAY" rescore 1 --dry-run
has 'what was' 0.1250 "$tmp/out"
has 'what is now' 0.2000 "$tmp/out"
equal 'nothing was stored' 3 "$(sql 'SELECT count(*) FROM runs')"
code 'another rule' 0 "$ASSAY" rescore -t E2EChoice
has 'a further run' 'run 4' "$tmp/out"
equal 'that stands in its place' 4 "$(sql 'SELECT run_id FROM standing_runs JOIN runs USING (run_id) JOIN tasks t ON t.task_id = runs.task_id WHERE t.name = '"'E2EChoice'")"
equal 'with the value of today' 0.2 "$(sql "SELECT value FROM results WHERE run_id = 4 AND metric = 'acc'")"
equal 'the old value is still there' 0.125 "$(sql "SELECT value FROM results WHERE run_id = 1 AND metric = 'acc'")"
code 'the old run' 0 "$ASSAY" result show 1
has 'is withdrawn' 'withdrawn' "$tmp/out"
has 'with the reason' 'acc: value 0.125 is 0.2 now' "$tmp/out"
code 'the new run' 0 "$ASSAY" result show 4
has 'says where it comes from' 'scored again from the samples of run 1' "$tmp/out"
has 'and by which builds' "$old rescored by " "$tmp/out"
"$ASSAY" site build -o "$tmp/log-site" >/dev/null 2>"$tmp/err" || fail 'site build'
has 'the change log has it' 'Corrected' "$tmp/log-site/changelog/index.html"
py 'with what stands in its place' "
event, = json.load(open(sys.argv[1]))['events']
assert event['kind'] == 'corrected' and event['by']['run_id'] > event['run']['run_id'] and event['why'], event" "$tmp/log-site/api/v1/changelog.json"
code 'now it is equal' 0 "$ASSAY" rescore tiny/decoder
code 'what was withdrawn is not replaced again' 10 "$ASSAY" rescore 1
has 'and it says so' 'does not stand' "$tmp/err"
equal 'four runs' 4 "$(sql 'SELECT count(*) FROM runs')"
equal 'no alarm, no violation' '' "$(violations)"

# Samples that are gone, and samples that are damaged.
code 'two more runs' 0 sh -c '"$0" eval tiny/encoder -t E2EPairs --seed 7 && "$0" eval tiny/encoder -t E2EPairs --seed 8' "$ASSAY"
sql 'DELETE FROM sample_chunks WHERE set_id = (SELECT set_id FROM runs WHERE run_id = 5)'
sql "UPDATE sample_chunks SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE set_id = (SELECT set_id FROM runs WHERE run_id = 6)"
code 'samples that are gone' 3 "$ASSAY" rescore 5
has 'are said to be' 'run 5 has no samples' "$tmp/err"
code 'samples that are damaged' 7 "$ASSAY" rescore 6
has 'are named' 'sample chunk 0 is damaged' "$tmp/err"
code 'no such run' 3 "$ASSAY" rescore 99
code 'no such model' 3 "$ASSAY" rescore tiny/none
code 'nothing named' 2 "$ASSAY" rescore

# Files: a sample that was changed is another score.
cp -R out1 changed
changed=$(echo changed/tiny__decoder/assay_samples_*.jsonl)
python3 - "$changed" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
for s in lines[:10]:
    s["loglikelihoods"] = [-1.0 if i == s["gold"] else -90.0 for i in range(4)]
open(sys.argv[1], "w").write("".join(json.dumps(s) + "\n" for s in lines))
PY
code 'changed samples' 10 "$ASSAY" rescore "$changed"
has 'other numbers' 'other numbers' "$tmp/out"
code 'changed samples, written' 0 "$ASSAY" rescore changed --out again
py 'a further record with the numbers of today' 'a, b = (json.load(open(f))["results"][0] for f in sys.argv[1:])
assert b["metrics"]["acc"]["value"] > a["metrics"]["acc"]["value"] and "rescored by" in b["harness_build"], b' \
    "$record1" "$(echo again/tiny__decoder/assay_E2E*.json)"
code 'which is equal to its samples' 0 "$ASSAY" rescore again
code 'a folder without records' 3 "$ASSAY" rescore ./tasks
code 'a file that is none' 7 "$ASSAY" rescore ./tasks/data/choice.jsonl
rm again/tiny__decoder/assay_samples_*
code 'a record without samples' 3 "$ASSAY" rescore again

# ---- reproduce ----

code 'a run, measured again' 0 "$ASSAY" reproduce 3 --bits
has 'equal bits' 'equal bits: every number of every document' "$tmp/out"
equal 'stored beside the original' '7|reproduce|reproduce|bits|3' \
    "$(sql 'SELECT run_id, purpose, how, verdict, of_run FROM runs JOIN run_origins USING (run_id) WHERE purpose = '"'reproduce'")"
equal 'which still stands' 3 "$(sql "SELECT run_id FROM standing_runs JOIN runs USING (run_id) JOIN tasks t ON t.task_id = runs.task_id WHERE t.name = 'E2ELookup'")"
code 'a record, measured again' 0 "$ASSAY" reproduce "$record1" --no-db --json
py 'the document' 'r, = json.load(open(sys.argv[1]))["results"]
assert r["verdict"] == "bits" and r["same_platform"] and "stored_as" not in r, r
assert r["documents"]["compared"] == r["documents"]["equal"] == 40 and r["documents"]["differing"] == [], r' "$tmp/out"
equal 'seven runs' 7 "$(sql 'SELECT count(*) FROM runs')"
code 'a record, stored' 0 "$ASSAY" reproduce "$record1"
equal 'as a reproduction' 'reproduce' "$(sql 'SELECT purpose FROM runs WHERE run_id = 8')"

# Nothing that is known is used, and nothing is kept.
ASSAY_HOME="$tmp/elsewhere" "$ASSAY" reproduce out2 --no-db --json >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/err" >&2; fail 'reproduce out2'; }
equal 'no answers were kept' '' "$(find "$tmp/elsewhere" -type f 2>/dev/null)"

# Another instruction set: close, and not to the bit.
best=$(sql 'SELECT isa FROM runs WHERE run_id = 2')
if [ "$best" != plain ]; then
    code 'another instruction set' 0 env ASSAY_ISA=plain "$ASSAY" reproduce 4 2
    has 'within tolerance' "equal within the dtype's tolerance" "$tmp/out"
    code 'another instruction set, to the bit' 10 env ASSAY_ISA=plain "$ASSAY" reproduce 2 --bits --no-db
fi

# Numbers that the model does not give.
cp -R out1 forged
forged=$(echo forged/tiny__decoder/assay_samples_*.jsonl)
sed -i '3s/"loglikelihoods": \[-[0-9.]*/"loglikelihoods": [-3.5/' "$forged"
code 'a forged sample' 10 "$ASSAY" reproduce forged --no-db
has 'not reproduced' 'not reproduced' "$tmp/out"
has 'the document' 'document 2: loglikelihoods[0] -3.5 then' "$tmp/out"
rm "$forged"
sed -i 's/"value": 0.2,/"value": 0.9,/' forged/tiny__decoder/assay_E2E*.json
code 'a forged score without samples' 10 "$ASSAY" reproduce forged --no-db
has 'the scores alone' 'no samples' "$tmp/out"

# What is not the record's is refused, with both hashes.
task=$(sql 'SELECT left(t.sha256, 12) FROM runs JOIN tasks t USING (task_id) WHERE run_id = 4')
cp tasks/E2EChoice.lua "$tmp/was.lua"
echo '-- another' >>tasks/E2EChoice.lua
code 'another task file' 7 "$ASSAY" reproduce 4
has 'names the hash of the record' "the record says $task" "$tmp/err"
cp "$tmp/was.lua" tasks/E2EChoice.lua
cp tasks/data/choice.jsonl "$tmp/data"
sed -i '1s/"q": "/"q": "a/' tasks/data/choice.jsonl
code 'other data' 7 "$ASSAY" reproduce 4 "$record1" --no-db
has 'names the hash of the data' 'data_sha256' "$tmp/err"
cp "$tmp/data" tasks/data/choice.jsonl
cp "$tmp/hub/models/tiny/decoder/model.safetensors" "$tmp/weights"
printf '\001' | dd of="$tmp/hub/models/tiny/decoder/model.safetensors" bs=1 seek=5000 conv=notrunc 2>/dev/null
code 'other weights' 7 "$ASSAY" reproduce 4
has 'are another model' "is not the one that is meant" "$tmp/err"
cp "$tmp/weights" "$tmp/hub/models/tiny/decoder/model.safetensors"
code 'all as it was' 0 "$ASSAY" reproduce 4 --no-db
mkdir nameless
sed 's/"revision": "[0-9a-f]*"/"revision": null/' "$record1" >nameless/assay_x.json
code 'a record that does not say its commit' 7 "$ASSAY" reproduce ./nameless/assay_x.json --no-db
has 'says so' "its 'revision'" "$tmp/err"

# A folder as a model and a file as a task, from somewhere else.
mkdir own away
cp tasks/E2EChoice.lua own/task.lua
cp -R tasks/data own/data
cp -R "$tmp/hub/models/tiny/decoder" own/model
code 'a model of my own' 0 "$ASSAY" eval ./own/model -t ./own/task.lua --out own/out --samples
run=$(sql 'SELECT max(run_id) FROM runs')
cd away
code 'the task is not where it was' 7 "$ASSAY" reproduce "$run"
code 'but here' 0 "$ASSAY" reproduce "$run" --task-file ../own/task.lua --bits
mv ../own/model ../own/moved
code 'the model is not where it was' 3 "$ASSAY" reproduce "$run" --task-file ../own/task.lua
code 'but here' 0 "$ASSAY" reproduce "$run" --task-file ../own/task.lua --model ../own/moved --no-db
code 'another model is refused' 7 "$ASSAY" reproduce "$run" --task-file ../own/task.lua --model ../hub/models/tiny/encoder --no-db
cd "$tmp"
# Settings that no configuration has are in the record all the same.
code 'with a beginning-of-text token' 0 "$ASSAY" eval tiny/decoder -t E2EChoice --add-bos yes --shots 1 --limit 12 --no-db --out bos --samples
code 'measured again as it was' 0 "$ASSAY" reproduce bos --no-db --bits

# ---- verify ----

code 'every run that stands' 10 "$ASSAY" result verify --json
py 'only the damaged ones fail' 'd = {r["run"]: r for r in json.load(open(sys.argv[1]))["results"]}
assert d[4]["ok"] and d[2]["ok"] and d[3]["ok"] and not d[5]["ok"] and not d[6]["ok"], d
assert [c["state"] for c in d[5]["checks"]] == ["ok", "ok", "FAIL", "skipped"], d[5]
assert [c["state"] for c in d[6]["checks"]] == ["ok", "ok", "FAIL"], d[6]' "$tmp/out"
code 'with samples asked again' 0 "$ASSAY" result verify 2 3 4 --samples 7 --seed 3
has 'each of them' '7 of 7 samples equal to the bit' "$tmp/out"
code 'files' 0 "$ASSAY" result verify out1 out2 --samples 100
has 'all there are' '60 of 60 samples equal to the bit' "$tmp/out"
code 'changed samples of a file' 10 "$ASSAY" result verify changed
has 'by their hash' 'the record says' "$tmp/out"
verify_fails() { code "$1" 10 "$ASSAY" result verify "$2"; has 'by name' "$3	FAIL" "$tmp/out"; }
tamper "UPDATE results SET value = 0.21 WHERE run_id = 4 AND metric = 'acc'"
verify_fails 'a number that was changed' 4 numbers
tamper "UPDATE results SET value = 0.2 WHERE run_id = 4 AND metric = 'acc'"
tamper "UPDATE runs SET record = jsonb_set(record, '{seconds}', '7') WHERE run_id = 4"
verify_fails 'a record that was changed' 4 record
seal 4
code 'sealed again it passes' 0 "$ASSAY" result verify 4
tamper "UPDATE results SET value = 0.21 WHERE run_id = 4 AND metric = 'acc';
    UPDATE runs SET record = jsonb_set(record, '{metrics,0,value}', '0.21') WHERE run_id = 4;
    UPDATE runs SET bits_sha256 = bits_of_results(4) WHERE run_id = 4"
seal 4
verify_fails 'a number that was changed everywhere' 4 metrics
tamper "UPDATE runs SET record = jsonb_set(record, '{scores,docs}', '\"00\"') WHERE run_id = 2"
seal 2
verify_fails 'scores of documents that were changed' 2 metrics
code 'which are made anew' 0 "$ASSAY" rescore 2
has 'though every metric is equal' 'every metric is equal' "$tmp/err"
code 'of the samples' 0 "$ASSAY" result verify "$(sql 'SELECT max(run_id) FROM runs')"
# Who changes the samples as well has only the model against him.
cp -R out1 forged2
forged2=$(echo forged2/tiny__decoder/assay_samples_*.jsonl)
sed -i 's/"loglikelihoods": \[-[0-9.]*/"loglikelihoods": [-3.5/' "$forged2"
"$ASSAY" rescore forged2 --out forged3 >/dev/null
code 'a forgery that agrees with itself' 0 "$ASSAY" result verify forged3
code 'but not with the model' 10 "$ASSAY" result verify forged3 --samples 3
has 'which is said' 'samples differ beyond f32' "$tmp/out"
echo '-- another' >>tasks/E2EPairs.lua
code 'samples cannot be asked again of another task' 7 "$ASSAY" result verify 2 --samples 1
finish
