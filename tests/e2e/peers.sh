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
unset LD_PRELOAD || true

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
