#!/bin/sh
# Somebody's own questions: from a table to a task, to scores, to prompts that stay as they are. The README's walk is
# run as it stands there, on three tiny models; then what is refused, and what a person sees of a prompt is what is asked.
. "$(dirname "$0")/lib.sh"
models
export HF_ENDPOINT="$tmp/hub"
tiny=$tmp/hub/models/tiny
unset ASSAY_TASKS

# Two more models: one layer less, and other weights.
code 'a smaller model' 0 "$ASSAY" model truncate "$tiny/decoder" "$tiny/small" --layers 1
cp -R "$tiny/decoder" "$tiny/other"
python3 - "$tiny/other/model.safetensors" <<'PY'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
for at in range(8 + struct.unpack("<Q", data[:8])[0], len(data) - 4, 28):
    data[at + 2] ^= 1
open(sys.argv[1], "wb").write(data)
PY

# ---- the README's walk ----

mkdir "$tmp/walk"
cd "$tmp/walk"
mkdir "$tmp/bin"
ln -s "$ASSAY" "$tmp/bin/assay"
PATH=$tmp/bin:$PATH
# Its commands, in order: what is indented under the heading, but the models' names and the Lua file.
sed -n '/^## Your own task/,/^## /p' "$top/README.md" | sed -n 's/^    //p' |
    sed '/^models=/d; /^a=/d; /^return choice {/,/^}/d' >commands
[ "$(grep -c '^assay ' commands)" -ge 9 ] || fail 'the README has lost its walk'
a=$tiny/decoder b=$tiny/small c=$tiny/other
export a b c
code 'the walk of the README' 0 sh -eu ./commands
cp "$tmp/out" walked
has 'the guesses' 'answer    answer: the letter of an option' walked
has 'the first question' 'the capital of france is' walked
has 'the border in tokens' ' || ' walked
has 'three models' small walked
has 'all of them compared' 'Inside a tier no two differ significantly' walked
equal 'every pair' 3 "$(grep -cE '^\| capitals +\| [ABC], [ABC] .*no difference shown' walked)"
equal 'ranks as far as they show' 3 "$(grep -cE '^\| capitals +\| acc_norm +\| 1 to 3 \| +1 ' walked)"
has 'the test' 'ok    capitals: 3 documents as they were' walked
equal 'three results, each with its bits' 3 "$(grep -c '^equal bits: every number of every document' walked)"
py 'nothing failed' 'assert "FAIL" not in open("walked").read()'
py 'each model has its own numbers' 'results = [json.load(open(f))["results"][0] for f in sys.argv[1:]]
assert len(results) == 3 and len({r["revision"] for r in results}) == 3, results
assert all(r["n"] == 3 and r["baseline"] == 1/3 for r in results)' runs/*/assay_capitals_*.json
code 'lint' 0 "$ASSAY" task lint ./capitals.lua

# ---- data of other shapes ----

cd "$tmp"
mkdir data
printf 'frage\tx\ty\tz\tlabel\nab cd\tef\tgh\tij\t0\nkl\tmn\top\tab\t2\n' >data/t.tsv
printf '{"question": "ab", "choices": {"text": ["cd", "ef"], "label": ["A", "B"]}, "answerKey": "B"}\n' | gzip >data/t.jsonl.gz
printf '{"sentence1": "ab", "sentence2": "cd", "score": 1}\n{"sentence1": "ab", "sentence2": "ef gh", "score": 5}\n{"sentence1": "a", "sentence2": "b", "score": 3}\n' >data/s.jsonl
printf 'query,passage\nab,cd ef\nkl,mn op\n' >data/r.csv
printf 'text,label\nab cd,good\nef,bad\ngh ij,good\n' >data/l.csv
printf 'text\nab cd ef\ngh\n' >data/w.csv
code 'columns that are named' 0 "$ASSAY" task new tabs --from data/t.tsv --column question=frage --column options=x,y,z
code 'a packed file, a struct of options' 0 "$ASSAY" task new packed --from data/t.jsonl.gz
code 'pairs with scores' 0 "$ASSAY" task new pairs --from data/s.jsonl
code 'queries and passages' 0 "$ASSAY" task new finds --from data/r.csv --json
py 'the document' 'd = json.load(open(sys.argv[1]))
assert d["schema"] == "assay.task-new/1" and d["kind"] == "retrieval" and d["file"] == "data/finds.lua", d
assert d["first"]["relevant"][0]["text"] == "cd ef" and not all(g["sure"] for g in d["guesses"])' "$tmp/out"
code 'labels' 0 "$ASSAY" task new labels --from data/l.csv
python3 - >data/n.csv <<'PY'
print("text,label")
for i in range(60): print(f"{'abcd'[i % 4] * 3} {chr(97 + i % 26)},{('good', 'bad')[i % 2]}")
PY
code 'labels of vectors' 0 "$ASSAY" task new sorts --from data/n.csv --kind classification
code 'labels of heaps' 0 "$ASSAY" task new heaps --from data/n.csv --kind clustering --column label=label
code 'plain text' 0 "$ASSAY" task new plain --from data/w.csv
for t in tabs packed pairs finds labels plain sorts heaps; do
    code "$t is clean" 0 "$ASSAY" task lint "data/$t.lua"
done
for t in tabs packed labels plain; do
    code "$t can be evaluated" 0 "$ASSAY" eval "$tiny/decoder" -t "./data/$t.lua" --no-db
done
for t in pairs finds sorts heaps; do
    code "$t can be evaluated" 0 "$ASSAY" eval "$tiny/encoder" -t "./data/$t.lua" --no-db
done

# ---- what learns from vectors, all the way ----

for t in sorts heaps; do
    code "$t is planned" 0 "$ASSAY" eval "$tiny/encoder" -t "./data/$t.lua" --no-db --dry-run
    code "$t is kept" 0 "$ASSAY" eval "$tiny/encoder" -t "./data/$t.lua" --no-db --samples --out "kept-$t"
    record=$(ls kept-$t/*/assay_*.json kept-$t/*/*/assay_*.json 2>/dev/null | head -n 1)
    code "$t is scored again" 0 "$ASSAY" rescore "$record"
    code "$t is looked at again" 0 "$ASSAY" result verify "$record"
    code "$t is reproduced" 0 "$ASSAY" reproduce "$record"
    has 'to the bit' 'equal bits: every number of every document' "$tmp/out"
    code "$t stays as it is" 0 "$ASSAY" task test "./data/$t.lua" --freeze 20
    code "and is so" 0 "$ASSAY" task test "./data/$t.lua"
    code "$t is shown" 0 "$ASSAY" task render "./data/$t.lua" --doc 1 --model "$tiny/encoder"
    has 'with its label' 'label bad' "$tmp/out"
done
py 'mteb has each experiment' 'd = json.load(open(sys.argv[1]))
scores = d["scores"]["test"][0]
assert len(scores["scores_per_experiment"]) == 10 and 0 <= scores["accuracy"] <= 1, scores' kept-sorts/*/*/sorts.json
py 'and each clustering' 'd = json.load(open(sys.argv[1]))
assert len(d["scores"]["test"][0]["v_measures"]["Level 0"]) == 10, d' kept-heaps/*/*/heaps.json
cp "$top/tests/fixtures/data/v1_snappy_dictionary.parquet" data/p.parquet
code 'parquet' 0 "$ASSAY" task new columns --from data/p.parquet --column text=s
code 'parquet can be evaluated' 0 "$ASSAY" eval "$tiny/decoder" -t ./data/columns.lua --no-db

printf 'query,passage\nab,cd ef\n,gh\nij,\nkl,mn\n' >data/gaps.csv
code 'rows with nothing in them' 0 "$ASSAY" task new gaps --from data/gaps.csv
has 'are left out' 'rows      query, passage: empty in 2 of 4 rows, which are left out' "$tmp/out"
code 'of a task of all rows' 0 "$ASSAY" eval "$tiny/encoder" -t ./data/gaps.lua --no-db --json
py 'too' 'd = json.load(open(sys.argv[1]))["results"][0]
assert d["n"] == 2, d' "$tmp/out"

# ---- what is refused ----

code 'a file that is there' 2 "$ASSAY" task new tabs --from data/t.tsv
has 'is said to be' "'data/tabs.lua' is there already" "$tmp/err"
code 'and replaced where that is wanted' 0 "$ASSAY" task new tabs --from data/t.tsv --column question=frage --column options=x,y,z --force
code 'a column that is not there' 2 "$ASSAY" task new no --from data/t.tsv --column question=fragen
has 'those that are' 'frage, x, y, z, label' "$tmp/err"
code 'a role that there is not' 2 "$ASSAY" task new no --from data/t.tsv --column questoin=frage
code 'a kind that there is not' 6 "$ASSAY" task new no --from data/t.tsv --kind essay
code 'no data' 3 "$ASSAY" task new no --from data/none.csv
code 'no data named' 2 "$ASSAY" task new no
code 'a name that is none' 2 "$ASSAY" task new ../no --from data/t.tsv
printf 'a,b\n1,2,3\n' >data/bad.csv
code 'a broken table' 7 "$ASSAY" task new no --from data/bad.csv
has 'by its line' 'line 2' "$tmp/err"
printf 'PAR1nonsense' >data/bad.parquet
code 'a broken file' 7 "$ASSAY" task new no --from data/bad.parquet
code 'a name without a format' 6 "$ASSAY" task new no --from "$top/LICENSE"
printf 'question,A,B,answer\nab,cd,ef,A\ngh,ij,kl,C\n' >data/odd.csv
code 'an answer that is no option' 0 "$ASSAY" task new odd --from data/odd.csv
has 'is marked' 'CHECK: some rows have an answer that is none of their options' data/odd.lua
code 'and found by lint' 10 "$ASSAY" task lint data/odd.lua
has 'with its row' 'row 2' "$tmp/out"
[ ! -e data/no.lua ] || fail 'a refused command left a file'
ok 'a refused command leaves no file'

# ---- what is shown is what is asked ----

library
code 'tokens' 0 "$ASSAY" task render E2EChoice --first 5 --model "$tiny/decoder" --json
python3 - "$tmp/out" >"$tmp/requests" <<'PY'
import json, sys
for i, d in enumerate(json.load(open(sys.argv[1]))["docs"]):
    ids = lambda tokens: [t["id"] for t in tokens]
    print(json.dumps({"id": [i, "text"], "context": d["contexts"][0], "choices": [c["continuation"] for c in d["choices"]]}))
    for c, t in enumerate(d["tokens"]):
        print(json.dumps({"id": [i, c], "context_ids": ids(t["context"]), "choices_ids": [ids(t["continuation"])]}))
PY
code 'scored by text and by tokens' 0 sh -c '"$0" score "$1" <"$2"' "$ASSAY" "$tiny/decoder" "$tmp/requests"
py 'the tokens that are shown are those that are scored' 'answers = {tuple(r["id"]): r for r in map(json.loads, open(sys.argv[1]))}
for i in range(5):
    whole = answers[(i, "text")]
    for c, ll in enumerate(whole["loglikelihood"]):
        assert answers[(i, c)]["loglikelihood"] == [ll] and answers[(i, c)]["tokens"] == [whole["tokens"][c]], (i, c)' "$tmp/out"
code 'any document' 0 "$ASSAY" task render E2EChoice --doc 7,3 --shots 1
has 'the seventh' 'document 7' "$tmp/out"
code 'a document that is not there' 3 "$ASSAY" task render E2EChoice --doc 40
code 'a place that is none' 2 "$ASSAY" task render E2EChoice --doc first
code 'texts as they are embedded' 0 "$ASSAY" task render E2EPairs --model "$tiny/encoder"
has 'special tokens too' '[CLS]' "$tmp/out"
code 'a model that is not there' 3 "$ASSAY" task render E2EChoice --model "$tiny/none/such"

# ---- prompts that stay as they are ----

code 'freeze' 0 "$ASSAY" task test E2EChoice --freeze 4 --shots 2
code 'freeze once' 2 "$ASSAY" task test E2EChoice --freeze 4
mv "$tmp/tasks/data" "$tmp/away"
code 'without the data' 0 "$ASSAY" task test
has 'all as it was' 'ok    E2EChoice: 4 documents as they were' "$tmp/out"
sed -i 's/query = row.q,/query = row.q .. ".",/' "$tmp/tasks/E2EChoice.lua"
code 'a changed prompt' 10 "$ASSAY" task test 'E2E*'
has 'by document and field' 'E2EChoice: document 0: contexts[0] differs at character' "$tmp/out"
code 'as a document' 10 "$ASSAY" task test E2EChoice --json
py 'every document' 'd, = json.load(open(sys.argv[1]))["tests"]
assert len(d["differences"]) == 4 and d["differences"][3]["document"] == 3, d' "$tmp/out"
mv "$tmp/away" "$tmp/tasks/data"
code 'a task without a test' 3 "$ASSAY" task test E2EPairs
has 'says how to make one' '--freeze' "$tmp/err"
unset ASSAY_TASKS
code 'a library without a folder' 3 "$ASSAY" task test arc_easy
finish
