#!/bin/sh
# A data set that stays on the hub: the same questions, numbers and digest as of the set on disk, and nothing of it stored.
. "$(dirname "$0")/lib.sh"
models

# Two shards of over a MiB each, and a small split for examples.
mkdir -p "$tmp/hub/datasets/org/far/data"
python3 - "$tmp/hub/datasets/org/far" <<'PY'
import gzip, json, random, sys
r = random.Random(1)
for shard in range(2):
    with gzip.open(f"{sys.argv[1]}/data/train-0000{shard}-of-00002.jsonl.gz", "wt", 1) as f:
        for i in range(9000):
            words = "".join(r.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(200))
            f.write(json.dumps({"q": f"ab cd {shard} {i}?", "options": ["ef", "gh", "ij"], "answer": i % 3, "junk": words}) + "\n")
with open(f"{sys.argv[1]}/data/validation.jsonl", "w") as f:
    for i in range(9):
        f.write(json.dumps({"q": f"kl {i}?", "options": ["mn", "op", "qr"], "answer": i % 3}) + "\n")
PY
cat >"$tmp/far.lua" <<'LUA'
return choice {
  name = "far", version = 1, licence = "CC0-1.0",
  data = hub "org/far" { revision = "0123456789abcdef0123456789abcdef01234567", test = "train", shots = "validation" },
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  main = "acc", report = { "acc" }, limit = 12,
}
LUA
near=$tmp/hub
hub

ask() { # ask WHERE OPTION...: evaluates, and keeps what must be equal
    out=$tmp/$1.json
    shift
    "$ASSAY" eval "$tmp/hub/models/tiny/decoder" -t "$tmp/far.lua" -n 2 --no-db --json --no-cache --threads 2 "$@" >"$tmp/out" 2>"$tmp/err" ||
        { cat "$tmp/err" >&2; fail "eval $*"; }
    python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["results"][0]
json.dump([r["metrics"], r["n"], r["data_sha256"], r["task_sha256"]], open(sys.argv[2], "w"))' "$tmp/out" "$out"
}
stored() { find "$tmp/cache" -path '*/blobs/*' -size +900k | wc -l | tr -d ' '; }

ask far --stream-data always
equal 'nothing large is stored' 0 "$(stored)"
ask near --hub "$near"
equal 'from disk and from the hub' "$(cat "$tmp/near.json")" "$(cat "$tmp/far.json")"
ask fetched
equal 'a small set is fetched' 2 "$(stored)"
equal 'and is the same' "$(cat "$tmp/near.json")" "$(cat "$tmp/fetched.json")"
code 'another word' 2 "$ASSAY" eval "$tmp/hub/models/tiny/decoder" -t "$tmp/far.lua" --no-db --stream-data perhaps
has 'the words there are' "'auto', 'always' or 'never'" "$tmp/err"
finish
