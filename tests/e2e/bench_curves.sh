#!/bin/sh
# script/bench curves on models of a few thousand weights: data, picture, and where a curve falls off.
. "$(dirname "$0")/lib.sh"
for program in python3 gnuplot; do
    command -v $program >/dev/null || { echo "skipped: no $program here"; exit 77; }
done
cd "$tmp"
PYTHONPATH=$top/script
export PYTHONPATH

code 'curves of a tiny model' 0 python3 "$top/script/bench_curves.py" "$ASSAY" --runs 1 --threads 1 --dtype f32 --sizes tiny --context tiny \
    --lengths 128,256 --models models --out curves
file=$tmp/curves/curves-$(python3 "$top/script/bench_host.py")-1-threads
what='three panels, each point with its spread'
py "$what" 'd = json.load(open(sys.argv[1] + ".json"))
assert d["schema"] == "assay.bench-curves/1" and [len(p["curves"]) for p in d["panels"]] == [3, 2, 2], d
xs = [[[p["x"] for p in c["points"]] for c in panel["curves"]] for panel in d["panels"]]
batches = [1, 2, 4, 8, 16, 32, 64]
assert xs[0] == [batches] * 3 and xs[1] == [[128, 256]] * 2 and xs[2][0] == xs[2][1] and len(xs[2][0]) == 1, xs
for panel in d["panels"]:
    for c in panel["curves"]:
        for p in c["points"]:
            assert 0 < p["tokens_per_s"]["min"] <= p["tokens_per_s"]["median"] <= p["tokens_per_s"]["max"], p
            assert ("share_of_bandwidth" in p) == c["name"].startswith("generate"), (c["name"], p)
picture = open(sys.argv[1] + ".svg").read()
assert "tokens of context" in picture and picture.rstrip().endswith("</svg>")' "$file"

what='a model of random weights is made once'
equal "$what" 2 "$(find "$tmp/models" -name model.safetensors | wc -l)"
code 'and is one that can be scored' 0 "$ASSAY" score "$tmp/models/tiny" <<'J'
{"id": 1, "context_ids": [5, 6, 7], "choices_ids": [[8], [9]]}
J
py 'with numbers' 'l = lines(sys.argv[1])[0]["loglikelihood"]; assert len(l) == 2 and all(-20 < x < 0 for x in l), l' "$tmp/out"

what='a cliff is a fall by more than a third of what the machine gives'
py "$what" 'import bench_curves
point = lambda x, share, memory=0: {"x": x, "share_of_limit": {"median": share}, "share_of_bandwidth": {"median": memory}}
cliffs = lambda *points: [(c["from"], c["to"]) for c in bench_curves.cliffs_of([{"x": "x", "curves": [{"name": "c", "points": points}]}])]
assert cliffs(point(1, .6), point(2, .5), point(4, .3), point(8, .31)) == [(2, 4)]
assert cliffs(point(1, .1, .9), point(2, .7, .2)) == [] and cliffs(point(1, .1, .9), point(2, .2, .5)) == [(1, 2)]'
code 'no such size' 2 python3 "$top/script/bench_curves.py" "$ASSAY" --sizes 12T
finish
