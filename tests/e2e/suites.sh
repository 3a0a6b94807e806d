#!/bin/sh
# Suites within suites: their means as assay eval prints them, on the board and on the website; and nothing but a reason
# where a mean would be over what does not belong together.
. "$(dirname "$0")/lib.sh"
models
library
hub

cat >"$tmp/tasks/part_@.lua" <<'LUA'
-- variants: few many
return choice {
  name = "part_" .. variant, version = 1, data = file "data/choice.jsonl" { shots = "data/choice_shots.jsonl" },
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  limit = variant == "few" and 3 or 9, main = "acc", report = { "acc" }, baseline = 0.25, licence = "CC0-1.0",
}
LUA
cat >"$tmp/tasks/parts.lua" <<'LUA'
return suite { name = "parts", version = 1, title = "Parts", tasks = { "part_*" }, mean = "size" }
LUA
cat >"$tmp/tasks/whole.lua" <<'LUA'
return suite { name = "whole", version = 1, title = "Whole", tasks = { "parts", "E2EChoice", "E2EPairs" },
  shots = { parts = 1, E2EChoice = 0 }, mean = "normalised" }
LUA
cat >"$tmp/tasks/vectors.lua" <<'LUA'
return suite { name = "vectors", version = 1, title = "Vectors", profile = "mteb/1", mean = "borda",
  tasks = { "E2EPairs", "E2ELookup" } }
LUA
cat >"$tmp/tasks/circle.lua" <<'LUA'
return suite { name = "circle", version = 1, tasks = { "circle" } }
LUA

eval_json() { "$ASSAY" eval "$@" --no-db --json --threads 2 >"$tmp/eval.json" 2>"$tmp/err" || { cat "$tmp/err" >&2; fail "eval $*"; }; }
# ask EXPRESSION: of the document, where r(task) is a task's main metric and g(suite) a suite's row.
ask() {
    python3 - "$tmp/eval.json" "$1" <<'PY'
import json, math, sys
doc = json.load(open(sys.argv[1]))
r = lambda task: next(x["metrics"][x["main"]] for x in doc["results"] if x["task"] == task)
n = lambda task: next(x["n"] for x in doc["results"] if x["task"] == task)
shots = lambda task: next(x["shots"] for x in doc["results"] if x["task"] == task)
g = lambda suite: next(x for x in doc["groups"] if x["suite"] == suite)
near = lambda a, b: abs(a - b) < 1e-12
print(eval(sys.argv[2]))
PY
}

eval_json tiny/decoder -s whole
equal 'parts are weighted by their size' True \
    "$(ask "near(g('parts')['value'], (3 * r('part_few')['value'] + 9 * r('part_many')['value']) / 12)")"
equal 'with the pooled error' True "$(ask "near(g('parts')['stderr'], math.sqrt((2 * r('part_few')['stderr'] ** 2 * 3 +
    8 * r('part_many')['stderr'] ** 2 * 9) / (12 - 2) / 12))")"
equal 'the whole is the mean of normalised members' True "$(ask "near(g('whole')['value'],
    (max(0, (g('parts')['value'] - .25) / .75) + max(0, (r('E2EChoice')['value'] - .25) / .75)) / 2)")"
equal 'what needs another kind of model is left out' 3 "$(ask "g('whole')['n_tasks']")"
equal 'examples are as the suite says' '1 0' "$(ask "'%d %d' % (shots('part_few'), shots('E2EChoice'))")"
"$ASSAY" eval tiny/decoder -t parts --no-db --threads 2 >"$tmp/out" 2>"$tmp/err" || fail 'eval -t of a suite'
has 'a suite may be named as a task' 'parts' "$tmp/out"
has 'people see it below the tasks' '| size |' "$tmp/out"
cp "$tmp/eval.json" "$tmp/whole.json"
cat >"$tmp/mine.lua" <<LUA
return suite { name = "mine", version = 1, tasks = { "$tmp/tasks/E2EChoice.lua", "part_few" }, mean = "task" }
LUA
eval_json tiny/decoder -s "$tmp/mine.lua"
equal 'a suite may name task files' True "$(ask "near(g('mine')['value'], (r('E2EChoice')['value'] + r('part_few')['value']) / 2)")"
cat >"$tmp/tasks/fixed.lua" <<'LUA'
return choice {
  name = "fixed", version = 1, data = file "data/choice.jsonl" { shots = "data/choice_shots.jsonl" },
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  shots = 0, shots_fixed = true, main = "acc", report = { "acc" }, licence = "CC0-1.0",
}
LUA
eval_json tiny/decoder -t fixed -n 5 --spread 3
has 'examples that are fixed are not drawn again' 'draws no examples: it is asked once' "$tmp/err"
equal 'and have no spread' '1 0 0' "$(ask "'%d %d %d' % (len(doc['results']), doc['results'][0]['shots'], len(doc['spread']))")"
eval_json tiny/decoder -s parts --profile lighteval --add-bos no --out "$tmp/written"
equal 'a result says under which rules' "('lighteval', 'no')" "$(ask "(doc['results'][0]['profile'], doc['results'][0]['add_bos'])")"
grep -l '"groups": {' "$tmp"/written/tiny__decoder/results_*.json >"$tmp/out" || fail 'no file has the groups'
has 'groups are written too' results_ "$tmp/out"
mv "$tmp/whole.json" "$tmp/eval.json"
code 'a task is no suite' 2 "$ASSAY" eval tiny/decoder -s E2EChoice --no-db
code 'a suite that holds itself' 6 "$ASSAY" eval tiny/decoder -s circle --no-db
has 'says so' 'nested too deeply' "$tmp/err"

# As mteb averages: both of its means, and the types of tasks; and prompts as the model's own files name them.
cp "$tmp/eval.json" "$tmp/whole.json"
eval_json tiny/encoder -s vectors
equal 'the score of a suite by votes is its mean over tasks' True "$(ask "near(g('vectors')['value'],
    (r('E2EPairs')['value'] + r('E2ELookup')['value']) / 2) and g('vectors')['means']['task']['value'] == g('vectors')['value']")"
equal 'its types have names' 'STS Retrieval' "$(ask "' '.join(t['type'] for t in g('vectors')['types'])")"
equal 'and means of their own' True "$(ask "g('vectors')['types'][1]['value'] == r('E2ELookup')['value']")"
equal 'its tasks are asked under its profile' 'mteb/1 mteb/1' "$(ask "' '.join(x['profile'] for x in doc['results'])")"
prompt_of() { ask "next(x['prompts'] for x in doc['results'] if x['task'] == '$1')$2"; }
equal 'a model without prompts gets none' "{'text': {'rule': 'none', 'name': None, 'prompt': None}}" "$(prompt_of E2EPairs '')"
eval_json tiny/encoder -s vectors --profile mteb/2
equal 'unless another is asked for' 'mteb/2 mteb/2' "$(ask "' '.join(x['profile'] for x in doc['results'])")"
"$ASSAY" eval tiny/encoder -s vectors --no-db --threads 2 >"$tmp/out" 2>"$tmp/err" || fail 'eval for people'
has 'people see the mean by type' 'Mean (TaskType)' "$tmp/out"
has 'and that of each type' '  Retrieval' "$tmp/out"
cp -R "$tmp/hub/models/tiny/encoder" "$tmp/prompted"
cat >"$tmp/prompted/config_sentence_transformers.json" <<'JSON'
{"prompts": {"STS": "ab ", "query": "Instruct: b\nQuery:", "document": "cd "}}
JSON
plain=$(ask "'%.9f %.9f' % (r('E2EPairs')['value'], r('E2ELookup')['value'])")
eval_json "$tmp/prompted" -s vectors --profile mteb/2
equal 'a prompt for a type goes before its texts' "{'rule': 'task type', 'name': 'STS', 'prompt': 'ab '}" "$(prompt_of E2EPairs "['text']")"
equal 'an instruction stands in the template of queries' \
    "{'rule': 'instruction', 'name': None, 'prompt': 'Instruct: Retrieve text based on user query.\\nQuery:'}" "$(prompt_of E2ELookup "['query']")"
equal 'documents have a prompt of their own' "{'rule': 'role', 'name': 'document', 'prompt': 'cd '}" "$(prompt_of E2ELookup "['document']")"
equal 'and all of them are asked' False "$(ask "'%.9f %.9f' % (r('E2EPairs')['value'], r('E2ELookup')['value']) == '$plain'")"
eval_json tiny/encoder "$tmp/prompted" -s vectors --profile mteb/2
py 'several models are ranked by their votes' "
doc = json.load(open(sys.argv[1]))
rows = [row for row in doc['groups'] if row['suite'] == 'vectors']
scores = [[next(r['metrics'][r['main']]['value'] for r in doc['results'] if (r['model'], r['task']) == (row['model'], task))
           for task in ('E2EPairs', 'E2ELookup')] for row in rows]
votes = [sum(1 if a > b else .5 if a == b else 0 for a, b in zip(own, other)) for own, other in (scores, scores[::-1])]
assert [row['borda']['votes'] for row in rows] == votes, (rows, votes)
assert [row['borda']['rank'] for row in rows] == [1 + (v < max(votes)) for v in votes], rows" "$tmp/eval.json"
mv "$tmp/whole.json" "$tmp/eval.json"

code 'db init' 0 "$ASSAY" db init
code 'submit' 0 "$ASSAY" submit -s whole tiny/decoder
code 'worker' 0 "$ASSAY" worker --drain --threads 2
code 'suite board' 0 "$ASSAY" suite board whole --json
cp "$tmp/out" "$tmp/board.json"
board() {
    python3 - "$tmp/board.json" "$tmp/eval.json" "$1" <<'PY'
import json, sys
board, direct = (json.load(open(p)) for p in sys.argv[1:3])
section = next(s for s in board["sections"] if s["id"] == "language")
row, = section["rows"]
g = lambda suite: next(x for x in direct["groups"] if x["suite"] == suite)
print(eval(sys.argv[3]))
PY
}
equal 'the board has the mean that eval prints' True "$(board "row['mean']['value'] == g('whole')['value']")"
equal 'and its error' True "$(board "row['mean']['se'] == g('whole')['stderr']")"
equal 'and that of the suite within' True "$(board "row['groups'][0]['mean']['value'] == g('parts')['value']")"
code 'for people' 0 "$ASSAY" suite board whole
has 'the suite within has a line' parts "$tmp/out"
"$ASSAY" site build -o "$tmp/site" >"$tmp/out" 2>"$tmp/err" || fail 'site build'
has 'the page says how the mean is made' 'with chance at 0 and perfect at 100' "$tmp/site/s/whole/index.html"
has 'and has a column for the suite within' 'Parts' "$tmp/site/s/whole/index.html"

# The library changes one task: its old result is of another task, and there is no mean until it is measured anew.
sed -i 's/name = "E2EChoice", version = 1/name = "E2EChoice", version = 2/' "$tmp/tasks/E2EChoice.lua"
code 'submit another model to the new suite' 0 "$ASSAY" submit -s whole tiny/encoder
code 'suite board' 0 "$ASSAY" suite board whole --json
cp "$tmp/out" "$tmp/board.json"
equal 'no mean over versions' True "$(board "'mean' not in row and row['groups'][0]['mean']['value'] == g('parts')['value']")"
equal 'but the reason' True "$(board "'E2EChoice: measured as version 1 of the task, not 2' in row['reason']")"

cp -R "$tmp/prompted" "$tmp/hub/models/tiny/prompted"
code 'submit a suite by votes' 0 "$ASSAY" submit -s vectors tiny/encoder
code 'another model too' 0 "$ASSAY" submit -s vectors tiny/prompted
code 'worker' 0 "$ASSAY" worker --drain --threads 2
code 'result ls' 0 "$ASSAY" result ls --json
run=$(python3 -c 'import json, sys
print(next(r["run_id"] for r in json.load(open(sys.argv[1]))["results"] if (r["model"], r["task"]) == ("tiny/prompted", "E2ELookup")))' "$tmp/out")
code 'result show' 0 "$ASSAY" result show "$run"
has 'a stored run says what was put before its documents' "document: 'cd ' (role)" "$tmp/out"
code 'suite board' 0 "$ASSAY" suite board vectors
has 'the board has both means' 'Mean (Task)' "$tmp/out"
has 'the votes' 'Borda' "$tmp/out"
has 'and the types' 'Retrieval' "$tmp/out"
code 'suite board' 0 "$ASSAY" suite board vectors --json
py 'its rows have them too' "
board = json.load(open(sys.argv[1]))
section, = board['sections']
assert sorted(row['rank'] for row in section['rows']) in ([1, 1], [1, 2]), section['rows']
assert sum(row['borda']['votes'] for row in section['rows']) == 2, section['rows'] # of two tasks, one each
row = next(row for row in section['rows'] if row['model']['name'] == 'tiny/encoder')
assert section['types'] == ['STS', 'Retrieval'] and row['rank'] == row['borda']['rank'], row
assert row['means']['task']['mean']['value'] == row['mean']['value']" "$tmp/out"

# Eight bits are a configuration of their own: a row beside that in full precision, and marked.
code 'the same model in eight bits' 0 "$ASSAY" submit -s vectors tiny/encoder --dtype int8
code 'worker' 0 "$ASSAY" worker --drain --threads 2
code 'suite board' 0 "$ASSAY" suite board vectors --json
py 'they have a row of their own, which says so' "
section, = json.load(open(sys.argv[1]))['sections']
rows = {row['dtype']: row for row in section['rows'] if row['model']['name'] == 'tiny/encoder'}
assert sorted(rows) == ['f32', 'int8'], rows
assert rows['int8']['mark']['word'] == 'int8' and rows['int8']['rank'] and 'mark' not in rows['f32'], rows
assert section['marks'] == [rows['int8']['mark']], section['marks']" "$tmp/out"
code 'suite board' 0 "$ASSAY" suite board vectors
has 'people are told what that means' 'int8: weights and activations in eight bits' "$tmp/out"
code 'site build' 0 "$ASSAY" site build -o "$tmp/site"
has 'and see a mark' 'class="mark"' "$tmp/site/s/vectors/index.html"
finish
