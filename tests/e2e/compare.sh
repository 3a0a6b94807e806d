#!/bin/sh
# Two models of the database, two runs, two folders, and one of each; what may not be paired; the exit codes; the board's
# ranks, tiers and pairs.
. "$(dirname "$0")/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
"$ASSAY" model truncate "$tmp/hub/models/tiny/decoder" "$tmp/shallow" --layers 1
mkdir -p "$tmp/hub/models/tiny/shallow"
cp -RL "$tmp/shallow/." "$tmp/hub/models/tiny/shallow/"

for model in decoder shallow; do
    code "eval of $model into the database and a folder" 0 "$ASSAY" eval tiny/$model -t E2EChoice --out "$tmp/out-$model"
done
code 'eval with other examples' 0 "$ASSAY" eval tiny/decoder -t E2EChoice --shots 1

# Three draws of the examples, of which the first is the one there would be without.
code 'eval under three draws' 0 "$ASSAY" eval tiny/shallow -t E2EChoice --spread 3 --json
python3 - "$tmp/out" <<'PY' || fail 'the spread of three draws'
import json, statistics, sys
doc = json.load(open(sys.argv[1]))
assert [r["seed"] for r in doc["results"]] == [1234, 1235, 1236], doc["results"]
for s in doc["spread"]:
    values = [r["metrics"][s["metric"]]["value"] for r in doc["results"]]
    assert s["draws"] == 3 and s["low"] == min(values) and s["high"] == max(values), s
    assert abs(s["mean"] - statistics.mean(values)) < 1e-12 and abs(s["sd"] - statistics.stdev(values)) < 1e-12, s
assert [s["metric"] for s in doc["spread"]] == ["acc", "acc_norm"]
PY
ok 'the spread is that of the three results'
equal 'each draw is a configuration of its own' '0 1235 1236' \
    "$(sql "SELECT seed FROM runs JOIN configurations USING (config_id) JOIN revisions USING (revision_id) JOIN models m USING (model_id)
        WHERE m.name = 'tiny/shallow' ORDER BY 1" | sort -nu | paste -sd' ')"
code 'eval in four orders of the options' 0 "$ASSAY" eval tiny/decoder -t E2EListed --spread 4 --spread-over order --json
py 'each order is named, and the spread is theirs' 'import statistics
doc = json.load(open(sys.argv[1]))
assert [r["profile"] for r in doc["results"]] == ["lm-eval/0.4.13"] + ["lm-eval/0.4.13+order%d" % i for i in (1, 2, 3)]
values = [r["metrics"]["acc"]["value"] for r in doc["results"]]
assert len(set(values)) > 1, values
[s] = doc["spread"]
assert s["draws"] == 4 and abs(s["mean"] - statistics.mean(values)) < 1e-12 and s["low"] == min(values), s' "$tmp/out"
equal 'each order is a configuration of its own' 4 "$(sql "SELECT count(DISTINCT config_id) FROM runs JOIN tasks USING (task_id) WHERE name = 'E2EListed'")"
code 'one order again, by its name' 0 "$ASSAY" eval tiny/decoder -t E2EListed --profile lm-eval/0.4.13+order2 --no-db --json
py 'is that order' 'assert result(sys.argv[1])["profile"].endswith("+order2")' "$tmp/out"
code 'more ways than there are' 0 "$ASSAY" eval tiny/decoder -t E2EListed --spread 2 --spread-over wording --no-db --json
has 'is said' 'has no other wordings: it is asked once' "$tmp/err"
code 'another axis' 2 "$ASSAY" eval tiny/decoder -t E2EListed --spread 2 --spread-over mood --no-db
code 'a task without drawn examples' 0 "$ASSAY" eval tiny/encoder -t E2EPairs --spread 3 --no-db --json
has 'is asked once' 'draws no examples: it is asked once' "$tmp/err"

# first FIELD FILE: of the first task.
first() { python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))["tasks"][0][sys.argv[1]])' "$1" "$2"; }

code 'two models' 0 "$ASSAY" compare tiny/decoder tiny/shallow --json
equal 'all documents are paired' 40 "$(first n "$tmp/out")"
first p "$tmp/out" >"$tmp/p"
equal 'their runs were asked alike' 2 "$(first shots "$tmp/out")"
code 'two runs' 0 "$ASSAY" compare 1 2 --json
equal 'are the same comparison' "$(cat "$tmp/p")" "$(first p "$tmp/out")"
code 'two folders, without samples' 0 env ASSAY_DATABASE_URL=postgresql://nowhere.invalid/x \
    "$ASSAY" compare "$tmp/out-decoder" "$tmp/out-shallow" --json
equal 'are the same comparison too' "$(cat "$tmp/p")" "$(first p "$tmp/out")"
code 'a folder and a model' 0 "$ASSAY" compare "$tmp/out-decoder" tiny/shallow --flips 2
has 'says what it means' 'no difference shown' "$tmp/out"
code 'a model that was asked in several ways' 0 "$ASSAY" compare tiny/decoder tiny/shallow
has 'is told which is compared' 'B was asked in other ways too: (lm-eval/0.4.13, seed 1234) is compared, not (lm-eval/0.4.13, seed 123' "$tmp/out"

# What is there is a path, and no database is looked for.
cd "$tmp"
mkdir z
cp -R out-decoder z/a
cp -R out-shallow z/b
for command in 'compare z/a z/b' 'compare z/a/tiny__decoder z/b/tiny__shallow'; do
    # shellcheck disable=SC2086
    code "$command" 0 env ASSAY_DATABASE_URL=postgresql://nowhere.invalid/x "$ASSAY" $command --json
done

code 'rescore z/a' 3 env ASSAY_DATABASE_URL=postgresql://nowhere.invalid/x "$ASSAY" rescore z/a
has 'takes it for a folder too' 'has no samples' "$tmp/err"

# Three sides: every pair is what it is alone.
code 'three sides' 0 "$ASSAY" compare tiny/decoder tiny/shallow z/a --json
py 'are ranked by all pairs' 'd = json.load(open(sys.argv[1])); p = float(open(sys.argv[2]).read())
assert d["schema"] == "assay.compare-many/1" and [s["model"] for s in d["sides"]] == ["tiny/decoder", "tiny/shallow", "tiny/decoder"], d["sides"]
t, = [t for t in d["tasks"] if t["task"] == "E2EChoice"]
pairs = {(q["first"], q["second"]): q for q in t["pairs"]}
assert sorted(pairs) == [(0, 1), (0, 2), (1, 2)] and abs(pairs[0, 1]["p"] - p) < 1e-12, pairs
assert pairs[0, 2]["p"] == 1 and [r["tier"] for r in t["standings"]] == [1, 1, 1], t["standings"]' "$tmp/out" "$tmp/p"
code 'more sides than there are letters' 2 "$ASSAY" compare $(seq 30)

# Two models of one last name.
mkdir x y
cp -RL hub/models/tiny/decoder x/twin
cp -RL hub/models/tiny/shallow y/twin
code 'models of one name' 0 "$ASSAY" eval ./x/twin ./y/twin -t E2EChoice,E2EListed --no-db --out same --samples
has 'are told where they go' "./y/twin: its results go to 'same/twin__" "$tmp/err"
equal 'have a folder each' 2 "$(ls same | wc -l)"
code 'and can be compared' 0 "$ASSAY" compare same/twin same/twin__* --flips 1
has 'with the questions' 'question' "$tmp/out"
py 'one results file has both tasks' 'd = json.load(open(sys.argv[1]))
assert sorted(d["results"]) == ["E2EChoice", "E2EListed"] == sorted(d["configs"]), d["results"]' same/twin/results_*.json
code 'all in one' 2 "$ASSAY" compare ./same tiny/decoder
cp same/twin__*/* same/twin
code 'two models in one folder' 2 "$ASSAY" compare same/twin tiny/decoder
has 'are named' 'has results of several models' "$tmp/err"
code 'flips without samples' 0 "$ASSAY" compare out-decoder out-shallow --flips 1
has 'say what they lack' "'assay eval --out DIR --samples' keeps them" "$tmp/out"

code 'other examples' 7 "$ASSAY" compare 1 3
has 'are refused with the reason' 'other numbers of examples (shots): 2 and 1' "$tmp/err"
code 'other examples, asked for' 0 "$ASSAY" compare 1 3 --across shots,seed
has 'are noted' 'shots differs' "$tmp/out"
code 'a run that is not there' 3 "$ASSAY" compare 1 99
code 'a model that is not there' 3 "$ASSAY" compare 1 tiny/nobody
code 'what may never differ' 2 "$ASSAY" compare 1 2 --across data_sha256

# Sixty documents, of which the second gets half.
python3 - "$tmp" <<'PY'
import json, os, sys
for side, right in (("good", 60), ("bad", 30)):
    folder = os.path.join(sys.argv[1], side)
    os.mkdir(folder)
    result = {"model": side, "task": "t", "main": "acc", "metrics": {"acc": {"value": right / 60}}, "higher_is_better": True}
    json.dump({"schema": "assay.eval/1", "results": [result]}, open(f"{folder}/assay_t_1.json", "w"))
    with open(f"{folder}/assay_samples_t_1.jsonl", "w") as f:
        for i in range(60):
            print(json.dumps({"doc_id": i, "metrics": {"acc": int(i < right)}}), file=f)
PY
code 'a change for the worse' 10 "$ASSAY" compare "$tmp/good" "$tmp/bad" --fail-if-worse
code 'a change for the better' 0 "$ASSAY" compare "$tmp/bad" "$tmp/good" --fail-if-worse
has 'is told' 'B is better' "$tmp/out"

code 'submit' 0 "$ASSAY" submit -s e2e tiny/decoder tiny/shallow
background worker "$ASSAY" worker --drain
wait "$pid" || fail "the worker ended with $?"
code 'suite board' 0 "$ASSAY" suite board e2e
has 'says what a tier is' 'Inside a tier no two models differ significantly' "$tmp/out"
code 'suite board with pairs' 0 "$ASSAY" suite board e2e --pairs --json
python3 - "$tmp/out" "$tmp/p" <<'PY' || fail 'the board and the comparison do not agree'
import json, sys
board = json.load(open(sys.argv[1]))
section, = [s for s in board["sections"] if s["id"] == "language"]
pair, = section["pairs"]
assert pair["paired"] and section["tests"] == {**section["tests"], "pairs": 1, "paired": 1, "tiers": 1}, section["tests"]
assert abs(pair["p"] - float(open(sys.argv[2]).read())) < 1e-12, pair
assert [r["tier_number"] for r in section["rows"]] == [1, 1] and [r["rank_high"] for r in section["rows"]] == [2, 2]
assert len(board["rows"]) == 2
PY
ok 'the board tests what the comparison tests'
finish
