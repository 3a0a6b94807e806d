#!/bin/sh
# Files that lm_eval and mteb wrote, a hundred of them, imported and held against what they say; exported again, and loaded by
# lm_eval, mteb and huggingface_hub. ASSAY_PEERS names a Python environment that has them (default: ~/.cache/assay-peers).
. "$(dirname "$0")/lib.sh"
python=${ASSAY_PEERS:-$HOME/.cache/assay-peers}/bin/python
shared=${ASSAY_SHARED:-$top/../shared}
skip() { echo "$name: skipped: $*"; exit 77; }
[ -x "$python" ] || skip "there is no $python (python3 -m venv, pip install lm_eval[hf]==0.4.13 mteb==2.26.24)"
"$python" -c 'import lm_eval, mteb, sentence_transformers, huggingface_hub' 2>/dev/null || skip "$python lacks lm_eval, mteb or huggingface_hub"
[ -d "$shared/fixtures/e2e" ] || skip "there are no fixtures in $shared"
export HF_HUB_OFFLINE=1 HF_DATASETS_CACHE="$tmp/datasets" TOKENIZERS_PARALLELISM=false
unset LD_PRELOAD

"$python" "$e2e/peer_results.py" "$shared/fixtures" "$tmp/peers" >"$tmp/peers.txt" 2>&1 || { tail -n 20 "$tmp/peers.txt" >&2; fail 'the peers did not run'; }
ok "the peers wrote $(find "$tmp/peers" -name 'results_*.json' -o -name 'Made*.json' | wc -l) files"
code 'import of lm-eval' 0 "$ASSAY" result import --from lm-eval "$tmp/peers/lm-eval"
code 'import of mteb' 0 "$ASSAY" result import --from mteb "$tmp/peers/mteb"
code 'a table of all' 0 "$ASSAY" result export --to json --out "$tmp/table"
"$python" "$e2e/peer_results.py" --check "$tmp/peers" "$tmp/table/results.json" >"$tmp/out" 2>"$tmp/check.log" || fail 'numbers differ'
ok "$(cat "$tmp/out")"

# All of it goes out again, and what came in comes out: documents equal, samples to the byte.
code 'as lm-eval' 0 "$ASSAY" result export --to lm-eval --out "$tmp/again/lm-eval" --samples
code 'as mteb' 0 "$ASSAY" result export --to mteb --out "$tmp/again/mteb"
code 'as model-index' 0 "$ASSAY" result export --to model-index --out "$tmp/again/cards"
code 'as eval-results' 0 "$ASSAY" result export --to eval-results --out "$tmp/again/cards"
python3 - "$tmp" <<'PY' || fail 'what came back'
import glob, json, os, sys
tmp = sys.argv[1]
def by_name(pattern):
    return {os.path.basename(os.path.dirname(p)) + "/" + os.path.basename(p) if "mteb" not in p else "/".join(p.split("/")[-3:]): p
            for p in glob.glob(pattern, recursive=True)}
n = 0
for kind, pattern in (("lm-eval", "results_*.json"), ("mteb", "*.json")):
    before, after = by_name(f"{tmp}/peers/{kind}/**/{pattern}"), by_name(f"{tmp}/again/{kind}/**/{pattern}")
    if kind == "lm-eval":
        before = {"made__" + k.split("made__", 1)[-1]: v for k, v in before.items()}
    assert set(before) == set(after), (sorted(before)[:3], sorted(after)[:3], len(before), len(after))
    for k in before:
        a, b = (json.load(open(x[k]), parse_constant=str) for x in (before, after))
        assert a == b, (k, a, b)
        n += 1
lines = {os.path.basename(p): p for p in glob.glob(f"{tmp}/peers/lm-eval/**/samples_*.jsonl", recursive=True)}
for name, path in lines.items():
    [other] = glob.glob(f"{tmp}/again/lm-eval/**/{name}", recursive=True)
    assert open(path, "rb").read() == open(other, "rb").read(), name
print(n, "documents and", len(lines), "files of samples")
PY
ok 'every document and sample comes back'

# The same model on the same documents here and there: every prompt, number and score alike; with the first token that the peer
# does not give it, all numbers are others, and that one rule explains them.
cp "$tmp/peers/tasks/data.jsonl" "$tmp/data.jsonl"
cat >"$tmp/made_choice.lua" <<'LUA'
return choice {
  name = "made_choice", version = 1,
  data = file "data.jsonl" {},
  doc = function(row) return { query = row.q, choices = row.options, gold = row.gold } end,
  main = "acc_norm", report = { "acc", "acc_norm" },
}
LUA
for model in addbos:no:yes bos:yes:no nobos:no:yes; do
    IFS=: read -r which right wrong <<M
$model
M
    theirs=$(find "$tmp/peers/lm-eval/lmeval-llama-$which" -name 'samples_made_choice_*' | sort | head -n 1)
    for bos in $right $wrong; do
        "$ASSAY" eval "$shared/fixtures/e2e/lmeval-llama-$which" -t "$tmp/made_choice.lua" --no-db --samples --shots 0 --dtype f32 \
            --add-bos $bos --out "$tmp/runs-$which-$bos" >/dev/null 2>"$tmp/eval.log" || fail "eval of $which"
        code "parity of $which, first token: $bos" 0 "$ASSAY" result parity "$theirs" "$tmp/runs-$which-$bos" --rerun --json
        if [ $bos = $right ]; then
            py 'all is alike' 'doc = json.load(open(sys.argv[1]))
assert doc["n"] == 8 and not doc["n_differ"] and not doc["asked_otherwise"] and not doc["other_numbers"], doc' "$tmp/out"
        else
            py 'one rule explains it' 'doc = json.load(open(sys.argv[1]))
assert doc["other_numbers"] == 8 and not doc["unexplained"] and not doc["numbers_unexplained"], doc
assert all("add_bos '$right'" in d["explained"] for d in doc["documents"]), doc' "$tmp/out"
        fi
    done
done

# What was measured here, for the packages to load as theirs, beside what was imported.
models
library
export HF_ENDPOINT="$tmp/hub"
code 'runs of ours' 0 "$ASSAY" eval tiny/decoder -t E2EChoice
code 'of both kinds' 0 "$ASSAY" eval tiny/encoder -t E2EPairs
for format in lm-eval mteb; do
    code "ours as $format" 0 "$ASSAY" result export tiny/decoder tiny/encoder --to $format --out "$tmp/again/$format/ours" --samples
done
code 'ours on cards' 0 "$ASSAY" result export tiny/decoder --to model-index --out "$tmp/again/cards"
echo '{"text": "abc"}' | "$ASSAY" embed "$tmp/hub/models/tiny/encoder" --format npy --out "$tmp/a.npy" || fail 'embed'
"$python" -c 'import numpy, sys; a = numpy.load(sys.argv[1]); assert a.dtype == "float32" and a.ndim == 2 and len(a) == 1, a' "$tmp/a.npy" ||
    fail 'numpy does not load the array'
ok 'numpy loads vectors'
"$python" "$e2e/peer_results.py" --load "$tmp/again" >"$tmp/out" 2>"$tmp/load.log" || fail 'the packages did not load them'
ok "$(tail -n 1 "$tmp/out")"
finish
