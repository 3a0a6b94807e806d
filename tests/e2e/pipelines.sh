#!/bin/sh
# JSON lines in, JSON lines out: order, ids of any type, errors in their line's place, counters; and that the bits of an
# answer depend neither on threads, nor on the order of requests, nor on whether prefixes are shared.
. "$(dirname "$0")/lib.sh"
models
export HF_ENDPOINT="$tmp/hub"
enc=tiny/encoder dec=tiny/decoder

what='answers in the order of requests, with ids of any type'
cat >"$tmp/in" <<'J'
{"id": "one", "text": "abc"}
{"id": 2, "text": "abc"}
{"id": [3, "x"], "text": "d e"}
{"id": {"k": null}, "text": "a longer text of many words that goes past thirty two tokens for sure and is cut"}
{"id": null, "text": ""}
{"id": 2.5, "ids": [2, 5, 6, 3]}
{"text": "no id"}
J
code "$what" 0 "$ASSAY" embed $enc --stats "$tmp/stats" <"$tmp/in"
py "$what" 'got = [l.get("id") for l in lines(sys.argv[1])]
assert got == ["one", 2, [3, "x"], {"k": None}, None, 2.5, None], got
v = [l["embedding"] for l in lines(sys.argv[1])]
assert all(len(x) == 24 and abs(sum(y * y for y in x) - 1) < 1e-5 for x in v)
assert v[0] == v[1] and v[0] != v[2]' "$tmp/out"

what='counters'
py "$what" 's = json.load(open(sys.argv[1]))
for key in "load_s run_s items tokens_asked tokens_computed tokens_padded rows_filled flops peak_rss_bytes device dtype backend".split():
    assert key in s, key
assert s["items"] == 7 and s["device"] == "cpu" and s["dtype"] == "f32" and s["peak_rss_bytes"] > 1 << 20
assert 0 < s["tokens_computed"] < s["tokens_asked"], s   # two texts are equal
assert s["tokens_padded"] == 0 and s["flops"] > 0' "$tmp/stats"

what='a large program that starts us is not part of our memory'
echo '{"id": 1, "text": "abc"}' >"$tmp/in"
py "$what" 'import subprocess
ballast = b"x" * (1 << 30)
with open(sys.argv[3]) as lines:
    subprocess.run([sys.argv[1], "embed", sys.argv[2], "--stats", sys.argv[4]], stdin=lines, stdout=subprocess.DEVNULL, check=True)
assert json.load(open(sys.argv[4]))["peak_rss_bytes"] < 900 << 20' "$ASSAY" $enc "$tmp/in" "$tmp/stats"

what='a line that cannot be used has its error in its place'
cat >"$tmp/in" <<'J'
{"id": 1, "text": "abc"}
{"id": 2}
not json
[1, 2]
{"id": 5, "text": 7}
{"id": 6, "ids": [1, "x"]}
{"id": 7, "ids": [99999999]}
{"id": 8, "text": "abc"}
J
code "$what" 1 "$ASSAY" embed $enc <"$tmp/in"
py "$what" 'l = lines(sys.argv[1]); assert len(l) == 8, len(l)
assert [("error" in x) for x in l] == [False, True, True, True, True, True, True, False], l
assert [x["id"] for x in l] == [1, 2, None, None, 5, 6, 7, 8], l
assert l[0]["embedding"] == l[7]["embedding"]' "$tmp/out"

# The same vectors as one array for NumPy: to a file that can be gone back in, to a pipe whose rows were counted.
printf '%s\n' '{"id": 1, "text": "abc"}' '{"id": 2, "text": 7}' '{"id": 3, "ids": [2, 5, 6, 3]}' >"$tmp/three"
code 'lines, to compare' 1 "$ASSAY" embed $enc <"$tmp/three"
cp "$tmp/out" "$tmp/lines"
code 'an array in a file' 1 "$ASSAY" embed $enc --format npy --out "$tmp/a.npy" <"$tmp/three"
has 'the row that is none is told' 'row 1 is NaN' "$tmp/err"
code 'an array to a file that stands for the output' 1 "$ASSAY" embed $enc --format npy <"$tmp/three"
cp "$tmp/out" "$tmp/b.npy"
"$ASSAY" embed $enc --format npy --rows 3 <"$tmp/three" 2>/dev/null | cat >"$tmp/c.npy"
python3 - "$tmp" <<'PY' || fail 'arrays'
import ast, json, math, struct, sys
tmp = sys.argv[1]
def load(path):
    b = open(path, "rb").read()
    assert b[:8] == b"\x93NUMPY\x01\x00", b[:8]
    n = struct.unpack("<H", b[8:10])[0]
    head = ast.literal_eval(b[10:10 + n].decode("latin1"))
    assert (10 + n) % 64 == 0 and b[9 + n:10 + n] == b"\n" and head["descr"] == "<f4" and head["fortran_order"] is False
    rows, width = head["shape"]
    assert len(b) == 10 + n + 4 * rows * width, (len(b), head)
    return [struct.unpack_from("<%df" % width, b, 10 + n + 4 * width * i) for i in range(rows)]
def f32(x): return struct.unpack("<f", struct.pack("<f", x))[0]
wanted = [json.loads(l) for l in open(tmp + "/lines")]
for name in "abc":
    got = load(f"{tmp}/{name}.npy")
    assert len(got) == 3, len(got)
    for row, line in zip(got, wanted):
        assert all(map(math.isnan, row)) if "error" in line else list(row) == [f32(x) for x in line["embedding"]]
PY
ok 'arrays have the numbers of the lines'
"$ASSAY" embed $enc --format npy <"$tmp/three" 2>"$tmp/err" | cat >"$tmp/none"
has 'a pipe is not gone back in' 'can'"'"'t be told afterwards' "$tmp/err"
equal 'and gets nothing' 0 "$(wc -c <"$tmp/none")"
code 'fewer rows than said' 7 "$ASSAY" embed $enc --format npy --rows 4 --out "$tmp/d.npy" <"$tmp/three"
[ ! -e "$tmp/d.npy" ] && [ -z "$(ls "$tmp"/d.npy* 2>/dev/null)" ] || fail 'something is left of d.npy'
ok 'and nothing is left of it'
code 'another format' 2 "$ASSAY" embed $enc --format hdf5 </dev/null

code 'nothing in, nothing out' 0 "$ASSAY" embed $enc </dev/null
equal 'really nothing' '' "$(cat "$tmp/out")"
code 'a bare decoder embeds only when told how' 7 "$ASSAY" embed $dec </dev/null

what='score: text and ids agree'
cat >"$tmp/in" <<'J'
{"id": "t", "context": "ab", "choices": ["cd", "e"]}
{"id": "i", "context_ids": [1, 2], "choices_ids": [[3, 4], [5]]}
{"id": "r", "rolling": "abcdefg"}
{"id": "ri", "rolling_ids": [1, 2, 3, 4, 5]}
{"id": "c", "context_ids": [1], "choices_ids": [[2, 3, 4, 5]]}
J
code "$what" 0 "$ASSAY" score $dec <"$tmp/in"
py "$what" 'a = {x["id"]: x for x in lines(sys.argv[1])}
for x in a.values():
    assert set(x) == {"id", "loglikelihood", "greedy", "tokens", "bytes"}, x
    assert all(type(v) is float and v < 0 for v in x["loglikelihood"]) and all(type(g) is bool for g in x["greedy"])
t, i, r, ri, c = (a[k] for k in ("t", "i", "r", "ri", "c"))
assert t["loglikelihood"] == i["loglikelihood"] and t["tokens"] == i["tokens"] == [2, 1] and t["bytes"] == i["bytes"] == [2, 1], (t, i)
assert r["bytes"] == [7] and len(r["loglikelihood"]) == 1
assert ri["loglikelihood"] == c["loglikelihood"] and ri["tokens"] == [4], (ri, c)' "$tmp/out"

what='tokenize, and back'
cat >"$tmp/in" <<'J'
{"id": 1, "text": "abc 09 z"}
{"id": 2, "hex": "616263"}
J
code "$what" 0 "$ASSAY" tokenize $dec <"$tmp/in"
py "$what" 'a, b = lines(sys.argv[1])
assert a["ids"] == [1, 2, 3, 0, 27, 36, 0, 26] and a["offsets"][0] == [0, 1] and b["ids"] == [1, 2, 3], (a, b)' "$tmp/out"
mv "$tmp/out" "$tmp/ids"
what='decode'
code "$what" 0 "$ASSAY" tokenize $dec --decode <"$tmp/ids"
py "$what" 'a, b = lines(sys.argv[1]); assert (a["text"], b["text"]) == ("abc 09 z", "abc"), (a, b)' "$tmp/out"

# Lines in parts, parts on threads; some lines are answered by an error, one without an end.
python3 - "$tmp" <<'PY'
import json, random, sys
r = random.Random(5)
with open(sys.argv[1] + "/many", "w") as f:
    for i in range(3000):
        text = " ".join("".join(r.choice("abcdefghijklmnop") for _ in range(r.randint(1, 6))) for _ in range(r.randint(0, 30)))
        f.write("not json\n" if i % 500 == 7 else "\r\n" if i % 500 == 8 else json.dumps({"id": i, "text": text}) + "\n")
    f.write('{"id": "last", "text": "abc"}')
PY
what='tokenize in threads, in order'
code "$what" 1 "$ASSAY" tokenize $dec --threads 1 <"$tmp/many"
mv "$tmp/out" "$tmp/single"
code "$what" 1 "$ASSAY" tokenize $dec --threads 3 --stats "$tmp/stats" <"$tmp/many"
cmp -s "$tmp/single" "$tmp/out" || fail "$what: three threads give other bytes than one"
py "$what" 'a, s = lines(sys.argv[1]), json.load(open(sys.argv[2]))
assert len(a) == 2995 and a[-1]["id"] == "last" and a[-1]["ids"] == [1, 2, 3], a[-1]
assert [x["id"] for x in a if "error" not in x] == [i for i in range(3000) if i % 500 not in (7, 8)] + ["last"]
assert sum("error" in x for x in a) == 6 and s["items"] == 2995
assert s["tokens_asked"] == sum(len(x.get("ids", ())) for x in a) and s["run_s"] > 0, s' "$tmp/out" "$tmp/stats"

what='generate'
printf '%s\n' '{"id": 1, "prompt": "abc"}' '{"id": 2, "prompt_ids": [1, 2, 3]}' >"$tmp/in"
code "$what" 0 "$ASSAY" generate $dec --max-tokens 8 <"$tmp/in"
py "$what" 'a, b = lines(sys.argv[1])
assert a["ids"] == b["ids"] and a["text"] == b["text"] and a["finish"] in ("stop", "length") and len(a["ids"]) <= 8, (a, b)' "$tmp/out"

# Requests of many lengths with many common prefixes; each dtype has one set of bits.
python3 - "$tmp" <<'PY'
import json, random, sys
r = random.Random(3)
word = lambda: "".join(r.choice("abcdefghijklmnop") for _ in range(r.randint(1, 4)))
text = lambda n: " ".join(word() for _ in range(n))
heads = [text(n) for n in (1, 3, 7, 12)]
score, embed = [], []
for i in range(60):
    head = r.choice(heads) + (" " + text(r.randint(1, 6)) if i % 3 else "")
    score.append({"id": i, "context": head, "choices": [" " + text(r.randint(1, 4)) for _ in range(r.randint(1, 4))]})
    embed.append({"id": i, "text": head})
for name, rows in (("score", score), ("embed", embed)):
    for order in ("straight", "shuffled"):
        with open(f"{sys.argv[1]}/{name}.{order}", "w") as f:
            f.writelines(json.dumps(x) + "\n" for x in rows)
        r.shuffle(rows)
PY
# same WHAT OPTIONS...: runs $verb over $order and compares with the reference by id.
same() {
    what=$1
    shift
    "$ASSAY" "$verb" "$model" --dtype $dtype "$@" <"$tmp/$verb.$order" 2>"$tmp/err" | sort >"$tmp/other" || fail "$what"
    cmp "$tmp/reference" "$tmp/other" || fail "$what: other bits"
    ok "$what"
}
for dtype in f32 bf16 int8; do
    for verb in embed score; do
        model=$enc order=straight
        [ $verb = embed ] || model=$dec
        "$ASSAY" $verb $model --dtype $dtype --threads 1 <"$tmp/$verb.straight" >"$tmp/answers" || fail "$verb $dtype"
        sort "$tmp/answers" >"$tmp/reference"
        equal "$verb in $dtype: every request answered" 60 "$(grep -vc '"error"' "$tmp/reference")"
        same "$verb in $dtype: two threads" --threads 2
        order=shuffled
        same "$verb in $dtype: another order" --threads 1
        same "$verb in $dtype: another order, two threads" --threads 2
        # one request alone
        head -n 7 "$tmp/$verb.straight" | tail -n 1 | "$ASSAY" $verb $model --dtype $dtype >"$tmp/alone"
        sed -n 7p "$tmp/answers" | cmp - "$tmp/alone" || fail "$verb in $dtype: one request alone has other bits"
        ok "$verb in $dtype: one request alone"
    done
    same "score in $dtype: without sharing prefixes" --no-prefix-sharing
done
what='eight bits are on the processor only, and never by themselves'
code "$what" 6 "$ASSAY" embed $enc --device cuda --dtype int8 <"$tmp/embed.straight"
has "$what" 'only the processor can' "$tmp/err"
code "$what" 0 "$ASSAY" embed $enc --dtype int8 --stats "$tmp/stats" <"$tmp/embed.straight"
has "$what" '"dtype": "int8"' "$tmp/stats"
code "$what" 2 "$ASSAY" worker --dtype int8 --once
has "$what" 'leave it open' "$tmp/err"

code 'sharing computes less' 0 "$ASSAY" score $dec --stats "$tmp/stats" <"$tmp/score.straight"
code 'than not sharing' 0 "$ASSAY" score $dec --no-prefix-sharing --stats "$tmp/stats.not" <"$tmp/score.straight"
what='the counters say so'
py "$what" 'a, b = (json.load(open(p)) for p in sys.argv[1:])
assert a["tokens_asked"] == b["tokens_asked"] and a["tokens_computed"] < b["tokens_computed"] <= b["tokens_asked"], (a, b)' "$tmp/stats" "$tmp/stats.not"
finish
