#!/bin/sh
# A task that generates, from its file to scores: counters, samples with what each filter made, files in
# lm-evaluation-harness's shape, resumption, scoring again, a chat template with examples as turns, a dry run.
. "$(dirname "$0")/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
dec=$tmp/hub/models/tiny/decoder

# Prompts of letters that the tiny tokenizer knows; the model is random, and so is what it writes.
python3 - "$tmp/tasks" <<'PY'
import json, random, sys
rng = random.Random(6)
word = lambda n: "".join(rng.choice("abcdefghijklmnop") for _ in range(n))
with open(sys.argv[1] + "/data/text.jsonl", "w") as f:
    for i in range(400):
        f.write(json.dumps({"q": " ".join(word(4) for _ in range(rng.randint(2, 9) if i else 200)), "right": ["a", word(2)]}) + "\n")
with open(sys.argv[1] + "/data/text_shots.jsonl", "w") as f:
    f.write(json.dumps({"q": "abc", "right": ["def"]}) + "\n" + json.dumps({"q": "gh", "right": "ij"}) + "\n")
PY
cat >"$tmp/tasks/E2EText.lua" <<'L'
return generate {
  name = "E2EText", version = 1, data = file "data/text.jsonl" { shots = "data/text_shots.jsonl" },
  doc = function(row) return { query = row.q, gold = row.right } end,
  shots = 2, sampler = "first_n", delimiter = "a", shot_delimiter = "b", stop = { "c" }, max_tokens = 12,
  filters = { one = { regex "[a-h]", take_first }, all = { remove_whitespace, take_first } },
  main = "exact_match", ignore = { case = true }, licence = "CC0-1.0",
}
L
text() { "$ASSAY" eval tiny/decoder -t E2EText --dtype f32 --threads 1 --no-progress --json "$@"; }

code 'lint' 0 "$ASSAY" task lint E2EText
code 'render' 0 "$ASSAY" task render E2EText --json
what='render shows the prompt, its messages and what is right'
py "$what" 'd = json.load(open(sys.argv[1])); doc = d["docs"][0]
q = doc["messages"][-1]["content"]
assert doc["contexts"] == ["abcadefbghaijb" + q], doc
assert [m["role"] for m in doc["messages"]] == ["user", "assistant"] * 2 + ["user"], doc
assert doc["answers"][0] == "a" and d["generation"]["max_tokens"] == 12, d' "$tmp/out"
code 'render for people' 0 "$ASSAY" task render E2EText --model "$dec"
has 'it says what is right' 'right' "$tmp/out"

code 'whole' 0 text --no-db --samples --out "$tmp/whole"
cp "$tmp/out" "$tmp/whole.json"
what='metrics by filter, and counters'
py "$what" 'r = result(sys.argv[1])
assert r["main"] == "exact_match,one" and set(r["metrics"]) == {"exact_match,one", "exact_match,all"}, r
assert all(m["stderr"] is not None for m in r["metrics"].values())
a = r["audit"]
assert 0 < a["truncated"] < 400 and 0 <= a["unparsed"] < 400 and 0 < a["length"] <= 400, a
assert r["n"] == 400 and r["shots"] == 2 and "template" not in r, r' "$tmp/whole.json"
what='files in the peer'"'"'s shape: a line a document and filter'
py "$what" 'import glob
d, = [json.load(open(p)) for p in glob.glob(sys.argv[1] + "/**/results_*.json", recursive=True)]
r = d["results"]["E2EText"]
assert {"exact_match,one", "exact_match_stderr,one", "exact_match,all", "exact_match_stderr,all"} <= set(r), r
assert d["configs"]["E2EText"]["output_type"] == "generate_until", d
assert len(d["configs"]["E2EText"]["metric_list"]) == 1 and d["higher_is_better"]["E2EText"] == {"exact_match": True}, d
p, = [p for p in glob.glob(sys.argv[1] + "/**/samples_*.jsonl", recursive=True)]
s = lines(p)
assert [x["filter"] for x in s] == ["one"] * 400 + ["all"] * 400
assert s[0]["metrics"] == ["exact_match"] and s[0]["exact_match"] in (0, 1) and isinstance(s[0]["resps"][0][0], str), s[0]
assert s[0]["arguments"]["gen_args_0"]["arg_1"]["until"] == ["c"], s[0]
mean = sum(x["exact_match"] for x in s[:400]) / 400
assert abs(mean - r["exact_match,one"]) < 1e-12, (mean, r)' "$tmp/whole"
record=$(find "$tmp/whole" -name 'assay_[!sg]*.json')
code 'scoring again changes nothing' 0 "$ASSAY" rescore "$record"

# Ctrl-C, as soon as texts are kept.
kept() { find "$ASSAY_HOME/resume" -type f -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
some_is_kept() { [ "$(kept)" -gt 400 ]; }
# A quick machine may be through before anybody looks: then it begins anew.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    setsid "$ASSAY" eval tiny/decoder -t E2EText --dtype f32 --threads 1 --no-progress --json --no-db >"$tmp/cut.json" 2>"$tmp/cut.log" &
    pid=$!
    children="$children $pid"
    until some_is_kept || ! kill -0 "$pid" 2>/dev/null; do :; done
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" || true
    ! some_is_kept || break
done
what='texts are kept'
some_is_kept || fail "$what"
ok "$what"
code 'going on' 0 text --no-db --resume
what='the same result'
py "$what" 'a, b = result(sys.argv[1]), result(sys.argv[2])
assert a["metrics"] == b["metrics"] and a["audit"] == b["audit"], (a, b)' "$tmp/whole.json" "$tmp/out"

code 'dry run' 0 text --no-db --dry-run
what='it says how much there would be to do'
py "$what" 'p = json.load(open(sys.argv[1]))["total"]
assert p["requests"] == 400 and p["tokens_computed"] > 400 * 11, p' "$tmp/out"

# Through a chat template.
code 'without a template' 3 text --no-db --template turns --limit 3
cat >"$dec/chat_template.jinja" <<'J'
{% for m in messages %}{{ 'a' if m.role == 'user' else 'b' }}{{ m.content }}{% endfor %}{{ 'b' if add_generation_prompt }}
J
for how in turns one-turn; do
    code "chat, $how" 0 text --no-db --template $how --limit 3 --samples --out "$tmp/$how"
    cp "$tmp/out" "$tmp/$how.json"
done
what='examples are turns, or part of one'
py "$what" 'import glob
def prompt(how):
    p, = glob.glob(sys.argv[1] + "/" + how + "/**/assay_samples_*.jsonl", recursive=True)
    return lines(p)[0]["contexts"][0]
q = prompt("turns").rsplit("a", 1)[0]
assert prompt("turns").startswith("aabcbdefaghbija"), prompt("turns")
assert prompt("one-turn").startswith("aabcadefbghaijb"), prompt("one-turn")
assert result(sys.argv[1] + "/turns.json")["template"] == "turns"' "$tmp"
code 'another way is refused' 2 text --no-db --template some
code 'choices too are asked in a chat' 0 "$ASSAY" eval tiny/decoder -t E2EChoice --no-db --no-progress --template turns --limit 3 \
    --samples --out "$tmp/choices"
what='a choice follows the template with nothing between'
py "$what" 'import glob
path, = glob.glob(sys.argv[1] + "/**/assay_samples_*.jsonl", recursive=True)
for s in lines(path):
    assert s["contexts"][0].endswith("b"), s["contexts"]
    assert all(c["continuation"] == c["text"] for c in s["choices"]), s["choices"]' "$tmp/choices"
finish
