#!/bin/sh
# assay bench: every case that was asked for, in each format, with figures that hold together; no figure is held against
# a clock.
. "$(dirname "$0")/lib.sh"
models
export HF_ENDPOINT="$tmp/hub"
enc=tiny/encoder dec=tiny/decoder
few='--rounds 3 --seconds 0.001'

what='every case of a decoder, once for each dtype and count of threads'
# shellcheck disable=SC2086
code "$what" 0 "$ASSAY" bench $dec -l 5,20 -b 1,3 -n 4 $few --dtype f32,bf16 -j 1,2 --json
py "$what" 'd = json.load(open(sys.argv[1]))
assert d["schema"] == "assay.bench/1", d["schema"]
got = [(r["dtype"], r["threads"], r["work"], r["length"], r["batch"]) for r in d["results"]]
want = [(t, j, w, l, b) for t in ("f32", "bf16") for j in (1, 2) for w in ("score", "rolling", "generate") for l in (5, 20) for b in (1, 3)]
assert got == want, got
for r in d["results"]:
    assert r["model"] == "tiny/decoder" and r["architecture"] == "llama" and r["backend"].startswith("cpu/"), r
    assert ("made" in r) == (r["work"] == "generate") and r["repeats"] >= 1' "$tmp/out"

what='a figure is the median of its rounds, beside least and greatest'
py "$what" 'import statistics
for r in json.load(open(sys.argv[1]))["results"]:
    for name, value in r.items():
        if type(value) is dict and value["median"] is not None:
            rounds = value["rounds"]
            assert len(rounds) == 3 and min(rounds) > 0, (name, value)
            assert (value["min"], value["max"]) == (min(rounds), max(rounds)), (name, value)
            assert abs(value["median"] - statistics.median(rounds)) <= 1e-7 * value["median"], (name, value)
    each = zip(r["flops_per_s"]["rounds"], r["limit_flops_per_s"]["rounds"], r["share_of_limit"]["rounds"])
    assert all(abs(f / l - s) <= 1e-6 * s for f, l, s in each), r' "$tmp/out"

what='bandwidth is said of generation alone'
py "$what" 'for r in json.load(open(sys.argv[1]))["results"]:
    assert (r["bytes_per_s"]["median"] is not None) == (r["work"] == "generate"), r
    assert (r["share_of_bandwidth"]["median"] is not None) == (r["work"] == "generate"), r' "$tmp/out"

# FLOPs of a token by the description: 2 layers of 24 wide (4 heads, 2 of keys, of 6 each), 40 in the feed-forward part.
what='FLOPs by tokens are those of the model'
py "$what" 'token = 2 * 2 * (2 * 24 * 24 + 2 * 12 * 24 + 3 * 40 * 24)
for r in json.load(open(sys.argv[1]))["results"]:
    n = r["length"]
    got = r["flops_per_s"]["rounds"][0] / r["tokens_per_s"]["rounds"][0]
    pair, vocabulary = 4 * 2 * 24, 2 * 24 * 37
    if r["work"] == "score":
        want = token + pair * (n + 1) / 2 + vocabulary / n
    elif r["work"] == "rolling":
        want = token + pair * (n + 1) / 2 + vocabulary
    else:
        want = token + pair * (n + 1 + n + r["made"] - 1) / 2 + vocabulary
    assert abs(got - want) <= 1e-3 * want, (r["work"], n, got, want)' "$tmp/out"

what='an encoder is embedded with'
# shellcheck disable=SC2086
code "$what" 0 "$ASSAY" bench $enc -l 8 -b 2 $few -o csv
py "$what" 'import csv
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 1 and rows[0]["work"] == "embed" and rows[0]["model"] == "tiny/encoder", rows
assert None not in rows[0] and None not in rows[0].values(), rows
assert float(rows[0]["tokens_per_s_min"]) <= float(rows[0]["tokens_per_s"]) <= float(rows[0]["tokens_per_s_max"])
assert rows[0]["bytes_per_s"] == "" and float(rows[0]["limit_flops_per_s"]) > 0' "$tmp/out"

what='a table for a README'
# shellcheck disable=SC2086
code "$what" 0 "$ASSAY" bench $enc $few -o md
has 'with what ran above it' 'tiny/encoder (bert,' "$tmp/out"
has 'with a head' '| work' "$tmp/out"
equal 'and a row a case' 3 "$(grep -c '^| embed' "$tmp/out")"

# shellcheck disable=SC2086
code 'fields by tabs' 0 "$ASSAY" bench $enc -l 8 -b 1,2 $few
equal 'one line a case, twelve fields' '2 12' "$(awk -F'\t' 'END { print NR, NF }' "$tmp/out")"

code 'an encoder cannot score' 6 "$ASSAY" bench $enc -w score
code 'a text that is too long' 2 "$ASSAY" bench $enc -l 100000
has 'says so' 'more than the model takes' "$tmp/err"
code 'tokens made count too' 2 "$ASSAY" bench $dec -l 158 -n 4 -w generate
code 'no such work' 2 "$ASSAY" bench $enc -w sing
code 'no such format' 2 "$ASSAY" bench $enc -o pdf
code 'no texts' 2 "$ASSAY" bench $enc -b 0
code 'a number with something behind it' 2 "$ASSAY" bench $enc -l 8x
code 'no rounds' 2 "$ASSAY" bench $enc -r 0
code 'one token is the first' 2 "$ASSAY" bench $dec -n 1
finish
