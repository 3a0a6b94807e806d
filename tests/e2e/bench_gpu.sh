#!/bin/sh
# script/bench gpu and script/gpu-day on a processor, with models of a few thousand weights and no peer: every part goes its way,
# what is missing is said, what was measured is written.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo 'skipped: no python3 here'; exit 77; }
cd "$top"
printf '#!/bin/sh\necho "no torch in here" >&2\nexit 1\n' >"$tmp/python"
chmod +x "$tmp/python"

mkdir "$tmp/kit"
echo '{"id": 1, "text": "a small bird"}' >"$tmp/kit/w1_embed.jsonl"
echo '{"id": 1, "prompt": "One. Two.", "choices": [" yes", " no"], "gold": 0}' >"$tmp/kit/w4_choice_5shot.jsonl"
measure() {
    python3 script/bench_gpu.py "$ASSAY" --tiny --device cpu --python "$tmp/python" --models "$tmp/made" --texts "$tmp/nothing" --workloads "$tmp/kit" \
        --rounds 2 --workers 1 --out "$tmp/figures" "$@"
}
code 'a dry run' 0 measure
has 'prints a table' '| MMLU-shaped on tiny-grouped, all 57 | assay | bf16 |' "$tmp/out"
py 'rows of every part, with what was asked and computed' 'd = json.load(open(sys.argv[1]))
assert d["schema"] == "assay.bench-gpu/1" and d["device"] == "dry-run", d
rows = {(r["work"], r["who"], r["dtype"]): r for r in d["rows"]}
for work, dtype in (("encoder", "bf16"), ("encoder, all", "bf16"), ("four layers of tiny-grouped, 3 subjects", "f32"), ("w1", "bf16"), ("w4", "f32")):
    r = rows[work, "assay", dtype]
    assert r["tokens_computed"] > 0 and r["flops"] > 0 and all(s > 0 for s in r["seconds"]) and r["share"] is None, r
some = rows["MMLU-shaped on tiny-grouped, 3 subjects", "assay", "bf16"]
alone = rows["MMLU-shaped on tiny-grouped, 3 subjects", "assay --no-prefix-sharing", "bf16"]
assert some["tokens_asked"] == alone["tokens_asked"] and alone["tokens_computed"] > 1.2 * some["tokens_computed"], (some, alone)
whys = {(i["who"], w): i["why"] for i in d["left_out"] for w in i["works"]}
assert "no torch in here" in whys["all peers and the rate of products", "everything"], whys
assert whys["everybody", "w2"].startswith("the peer kit") and ("loop bf16", "MMLU-shaped on tiny-grouped, 3 subjects") in whys, whys' "$tmp/figures/gpu-dry-run.json"
grep -q -e "$(uname -n)" -e "$tmp" -e /home/ "$tmp/figures/gpu-dry-run.json" "$tmp/figures/gpu-dry-run.md" && fail 'names of this machine are in the figures'
ok 'nothing of this machine in them'
code 'no such part' 2 measure --only everything
code 'no time' 0 measure --only encoder --minutes 0.01
has 'is said' 'no time was left' "$tmp/figures/gpu-dry-run.json"

if command -v gnuplot >/dev/null; then
    py 'figures that came from elsewhere' 'd = json.load(open(sys.argv[1] + "/gpu-dry-run.json"))
d["rows"].append({"work": "w1", "who": "st", "dtype": "f32", "seconds": [2], "ahead": {"bf16": {"median": 4, "low": 3, "high": 5}}})
json.dump(d, open(sys.argv[1] + "/other.json", "w"))' "$tmp/figures"
    code 'are drawn' 0 python3 script/bench_gpu.py --plot "$tmp/figures/other.json"
    has 'with the peer in the picture' 'sentence-transformers' "$tmp/figures/other.svg"
fi

what='questions are as many as those of MMLU, and choices share what comes before them'
PYTHONPATH=script py "$what" 'import bench_gpu_works as w, bench_models
rows = w.mmlu(w.made_up())
assert len(rows) == 14042 and len({r["subject"] for r in rows}) == 57 and len(w.few(rows)) == 387
assert rows == w.mmlu(w.made_up()) and 0.2 < sum(r["gold"] == 0 for r in rows) / len(rows) < 0.3
ids = w.in_ids(rows[:2], 512)
a, b = (r["context_ids"] for r in ids)
same = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
assert same > 0.7 * len(a) and all(3 <= i < 512 for i in a + b) and [len(c) for c in ids[0]["choices_ids"]] == [1] * 4
one = w.flops("llama-8B", [1], 0)
assert 13.9e9 < one < 14.1e9, one'

what='weights in several files are those of one file'
PYTHONPATH=script py "$what" 'import bench_weights, os
one = bench_weights.make("tiny-grouped", sys.argv[1] + "/one")
bench_weights.FILE_BYTES = 40000
several = bench_weights.make("tiny-grouped", sys.argv[1] + "/several", 2)
names = [n for n in os.listdir(several) if n.endswith(".safetensors")]
assert len(names) > 3 and "model.safetensors.index.json" in os.listdir(several), names' "$tmp"
"$ASSAY" model tensors "$tmp/one/tiny-grouped" --json | sort >"$tmp/one.txt"
"$ASSAY" model tensors "$tmp/several/tiny-grouped" --json | sort >"$tmp/several.txt"
equal "$what" "$(cat "$tmp/one.txt")" "$(cat "$tmp/several.txt")"
py 'no two rows of them are alike' 'd = lines(sys.argv[1]); assert len({tuple(t["first8"]) for t in d if len(t["shape"]) == 2}) == sum(len(t["shape"]) == 2 for t in d)' "$tmp/one.txt"

day() { python3 script/gpu-day --dry-run --out "$tmp/day" --build "$(dirname "$ASSAY")" --python "$tmp/python" --shared "$tmp/nowhere" "$@"; }
code 'a day without a kit' 1 day --only doctor,parity,bench
has 'says what failed' 'FAILED parity' "$tmp/out"
has 'and goes on' 'ok     bench' "$tmp/out"
py 'and is written' 'd = json.load(open(sys.argv[1] + "/day.json"))
assert [(s["step"], s["ok"]) for s in d["steps"]] == [("unpack", True), ("library", True), ("doctor", True), ("parity", False), ("bench", True)], d' "$tmp/day"
[ "$(find "$tmp/day" -type f | wc -l)" -le 8 ] || fail 'more files than come back'
ok 'in files few enough to come back'
finish
