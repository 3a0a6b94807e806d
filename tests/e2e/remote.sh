#!/bin/sh
# Remote models, against a mock endpoint (mock_endpoint.py) whose numbers are known: they come out as they are, each request is
# answered once, nothing is paid twice or beyond the ceiling, bad shapes are errors and never scores, and no key gets out.
. "$(dirname "$0")/lib.sh"
library
key=sk-canary0123456789abcdefghij
export MOCK_KEY=$key PYTHONPATH="$e2e" PYTHONDONTWRITEBYTECODE=1 ASSAY_APIS="$tmp/apis.lua"

python3 - "$tmp/tasks" <<'PY'
import json, sys
with open(sys.argv[1] + "/data/lines.jsonl", "w") as f:
    for i in range(12): f.write(json.dumps({"c": "the bird number %d is" % i, "t": "blue and %d" % (i % 5)}) + "\n")
    f.write(json.dumps({"c": "the last – one is", "t": "naïve «é» – 7"}) + "\n")
PY
cat >"$tmp/tasks/E2ELast.lua" <<'L'
return loglikelihood {
  name = "E2ELast", version = 1, data = file "data/lines.jsonl" {},
  doc = function(row) return { context = row.c, target = " " .. row.t } end,
  main = "acc", report = { "acc", "perplexity" }, licence = "CC0-1.0",
}
L
cat >"$tmp/tasks/E2ERolling.lua" <<'L'
return rolling {
  name = "E2ERolling", version = 1, data = file "data/lines.jsonl" {},
  doc = function(row) return { text = row.c .. " " .. row.t, words = 8, bytes = #row.c + 1 + #row.t } end,
  main = "word_perplexity", licence = "CC0-1.0",
}
L
cat >"$tmp/tasks/E2EText.lua" <<'L'
return generate {
  name = "E2EText", version = 1, data = file "data/choice.jsonl" {},
  doc = function(row) return { query = row.q, gold = "5" } end,
  stop = { "\n\nQuestion" }, max_tokens = 12,
  filters = { one = { regex "(\\d+)\\.", take_first } },
  main = "exact_match", licence = "CC0-1.0",
}
L

# endpoint OPTION...: starts a mock; its requests are noted in $tmp/notes.
endpoint() {
    rm -f "$tmp/mock.port" "$tmp/notes"
    : >"$tmp/notes"
    background mock python3 "$e2e/mock_endpoint.py" "$tmp/mock.port" "$tmp/notes" --key "$key" "$@"
    mock=$pid
    wait_for 'the endpoint listens' test -s "$tmp/mock.port"
    port=$(cat "$tmp/mock.port")
    cat >"$ASSAY_APIS" <<L
local function api(t)
  t.url = t.url or "http://127.0.0.1:$port/v1"
  t.model, t.key_env, t.answers_as = "mock-1", "MOCK_KEY", t.answers_as
  t.limits = { retry_ms = 5, timeout_s = 2, concurrency = t.at_once or 8, requests_per_minute = t.a_minute }
  t.price, t.at_once, t.a_minute = t.price or { input = 2, output = 8 }, nil, nil
  return t
end
return {
  scorer = api { kind = "openai", speaks = "completions", prefix = "<|>", ceiling = ${ceiling:-5} },
  vllm = api { kind = "vllm", speaks = "completions" },
  chat = api { kind = "openai", speaks = "chat", ceiling = ${ceiling:-5} },
  claude = api { kind = "anthropic" },
  vectors = api { kind = "openai", speaks = "embeddings", batch = 7, price = { input = 1 } },
  tei = api { kind = "tei", url = "http://127.0.0.1:$port", batch = 7, price = { input = 1 } },
  llama = api { kind = "llamacpp", speaks = "chat", answers_as = "*" },
  paced = api { kind = "openai", speaks = "completions", a_minute = 1200 },
  one = api { kind = "openai", speaks = "completions", at_once = 1 },
}
L
}
end() { kill -9 "$mock" 2>/dev/null || true; wait "$mock" 2>/dev/null || true; }
afresh() { rm -rf "$ASSAY_HOME/remote"; : >"$tmp/notes"; }
ask() { "$ASSAY" eval --no-db --no-progress --json "$@"; }
answered() { grep -c '"status": 200' "$tmp/notes" || true; }

# 1. The file of apis.
endpoint
code 'apis are listed' 0 "$ASSAY" api ls --json
what='as the file has them, and where the key is, not what'
py "$what" 'd = json.load(open(sys.argv[1])); a = {x["name"]: x for x in d["apis"]}
assert d["schema"] == "assay.apis/1" and len(a) == 9 and list(a) == sorted(a), a
assert a["api:scorer"]["key"] == {"env": "MOCK_KEY", "there": True} and a["api:scorer"]["paid"] == 0, a' "$tmp/out"
code 'and checked' 0 "$ASSAY" api check
code 'a key that is not there' 5 env -u MOCK_KEY "$ASSAY" api check chat
has 'is named' 'MOCK_KEY' "$tmp/err"
code 'a name that is not there' 3 ask api:scoer -t E2EChoice
has 'with the nearest' 'api:scorer' "$tmp/err"
code 'a remote model is not queued' 6 "$ASSAY" submit api:scorer -s e2e
code 'nor embedded by the pipelines' 6 "$ASSAY" embed api:vectors

# 2. Numbers are those that the model has.
code 'a plan' 0 ask api:scorer -t E2EChoice --dry-run
cp "$tmp/out" "$tmp/plan.json"
equal 'a plan asks nobody' 0 "$(wc -l <"$tmp/notes")"
code 'log-likelihoods of choices' 0 ask api:scorer -t E2EChoice,E2ELast,E2ERolling --samples --out "$tmp/scored"
cp "$tmp/out" "$tmp/scored.json"
what='are those of the model, computed here'
py "$what" 'import glob, math, mock_endpoint as m
def of(task): return lines(glob.glob(sys.argv[1] + "/*/assay_samples_" + task + "_*")[0])
n = 0
for s in of("E2EChoice"):
    for c, ll, greedy in zip(s["choices"], s["loglikelihoods"], s["greedy"]):
        want = m.loglikelihood(s["contexts"][c["context"]], c["continuation"])
        assert abs(ll - want[0]) < 1e-9 and greedy == want[1], (s, want)
        n += 1
assert n == 160
for s in of("E2ELast"):
    want = m.loglikelihood(s["contexts"][0], s["target"])
    assert abs(s["loglikelihoods"][0] - want[0]) < 1e-9 and s["greedy"][0] == want[1], (s, want)
for s in of("E2ERolling"):
    want = m.loglikelihood("<|>", s["target"])
    assert abs(s["loglikelihoods"][0] - want[0]) < 1e-9, (s, want)
r = json.load(open(sys.argv[2]))["results"][0]
acc = sum(max(range(4), key=lambda k: s["loglikelihoods"][k]) == s["gold"] for s in of("E2EChoice")) / 40
assert abs(r["metrics"]["acc"]["value"] - acc) < 1e-12 and r["profile"] == "lm-eval/0.4.13", r
assert r["revision"] is None and r["dtype"] is None and r["device"] == "remote" and r["backend"] == "api/openai", r
assert r["remote"]["answered_as"] == "mock-1" and r["remote"]["bill"]["requests"] == 160, r["remote"]
plan = json.load(open(sys.argv[3]))["plans"][0]["bill"]
assert plan["requests"] == 160 and plan["estimated"] and plan["most"] >= r["remote"]["bill"]["amount"] > 0, (plan, r["remote"])' "$tmp/scored" "$tmp/scored.json" "$tmp/plan.json"
what='the meter says what the endpoint counts'
"$ASSAY" api ls --json >"$tmp/out"
py "$what" 'paid = {a["name"]: a["paid"] for a in json.load(open(sys.argv[1]))["apis"]}["api:scorer"]
want = sum(2 * p["paid"][0] + 8 * p["paid"][1] for p in lines(sys.argv[2])) / 1e6
assert abs(paid - want) < 1e-9, (paid, want)' "$tmp/out" "$tmp/notes"
equal 'each once' 0 "$(sed 's/.*"body": "\([^"]*\)".*/\1/' "$tmp/notes" | sort | uniq -d | wc -l)"
n=$(wc -l <"$tmp/notes")
code 'the same again' 0 ask api:scorer -t E2EChoice,E2ELast,E2ERolling
equal 'asks nothing' "$n" "$(wc -l <"$tmp/notes")"
what='and says the same'
py "$what" 'a, b = (json.load(open(f))["results"] for f in sys.argv[1:])
assert [x["metrics"] for x in a] == [x["metrics"] for x in b]
assert b[0]["answers_reused"] == 160 and b[0]["remote"]["bill"]["requests"] == 0 and b[0]["remote"]["bill"]["amount"] == 0, b[0]
assert b[0]["tokens_asked"] == a[0]["tokens_asked"]' "$tmp/scored.json" "$tmp/out"
code 'a plan of what is known' 0 ask api:scorer -t E2EChoice --dry-run
py 'costs nothing' 'p = json.load(open(sys.argv[1]))["plans"][0]; assert p["reused"] == 160 and p["bill"]["amount"] == 0, p' "$tmp/out"
code 'by --no-cache it is asked and paid again' 0 ask api:scorer -t E2EChoice --limit 5 --no-cache
equal 'as often as there are choices' $((n + 20)) "$(wc -l <"$tmp/notes")"

code 'vectors' 0 ask api:vectors -t E2EPairs --samples --out "$tmp/vectors"
cp "$tmp/out" "$tmp/vectors.json"
what='are those of the model, in batches'
py "$what" 'import glob, math, mock_endpoint as m
s = lines(glob.glob(sys.argv[1] + "/*/assay_samples_E2EPairs_*")[0]) if glob.glob(sys.argv[1] + "/*/assay_samples_E2EPairs_*") else []
cos = lambda a, b: sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
for x in s: assert abs(x["metrics"]["cosine"] - cos(m.vector(x["texts"][0]), m.vector(x["texts"][1]))) < 1e-6, x
asked = [t for l in lines(sys.argv[2]) if l.get("path") == "/v1/embeddings" for t in l["asked"]]
assert len(asked) == len(set(asked)) > 70, len(asked)
assert len(s) == 40' "$tmp/vectors" "$tmp/notes"
code 'texts, as a completion' 0 ask api:scorer -t E2EText --out "$tmp/text" --samples
cp "$tmp/out" "$tmp/text.json"
code 'texts, as a conversation' 0 ask api:chat -t E2EText
what='have the score of what the model writes'
py "$what" 'import glob, re, mock_endpoint as m
s = lines(glob.glob(sys.argv[3] + "/*/assay_samples_E2EText_*")[0])
def right(prompt):
    text = "".join(m.tokens(m.written(prompt))[:12]).split("\n\nQuestion")[0]
    found = re.search(r"(\d+)\.", text)
    return bool(found) and found.group(1) == "5"
want = sum(right(x["contexts"][0]) for x in s) / len(s)
a, b = result(sys.argv[1]), result(sys.argv[2])
assert a["metrics"]["exact_match,one"]["value"] == want == b["metrics"]["exact_match,one"]["value"] > 0, (want, a["metrics"], b["metrics"])
assert b["template"] == "one-turn" and "template" not in a, b' "$tmp/text.json" "$tmp/out" "$tmp/text"
code 'choices by letter' 0 ask api:chat -t E2EChoice --out "$tmp/letters" --samples
what='are those that the model says, under a name of their own'
py "$what" 'import glob, mock_endpoint as m
s = lines(glob.glob(sys.argv[2] + "/*/assay_samples_E2EChoice_*")[0])
r = result(sys.argv[1])
for x in s:
    want, lps = m.letter(json.loads(x["contexts"][0])[-1]["content"], "ABCD")
    assert x["prediction"] == "ABCD".index(want) and x["letter"]["by"] == "logprobs" and "loglikelihoods" not in x, x
    assert x["letter"]["logprobs"] == [lps[k] for k in "ABCD"], x
assert r["profile"] == "lm-eval/0.4.13+letters" and r["metrics"]["acc"] == r["metrics"]["acc_norm"] and r["audit"]["unparsed"] == 0, r
assert r["metrics"]["acc"]["value"] == sum(x["correct"] for x in s) / 40' "$tmp/out" "$tmp/letters"
code 'such samples are scored again' 0 "$ASSAY" rescore "$tmp/letters"
code 'nothing is reproduced of a remote model' 6 "$ASSAY" reproduce "$(ls "$tmp"/letters/*/assay_E2EChoice_*.json)"
has 'and it is said why' 'remote model' "$tmp/err"
code 'log-likelihoods of a chat' 6 ask api:chat -t E2ELast
end

for kind in vllm tei anthropic llamacpp; do
    endpoint --kind $kind
    case $kind in
    vllm) code 'vLLM, whose texts begin with a token of their own' 0 ask api:vllm -t E2EChoice,E2ERolling
        py 'the same numbers' 'a, b = (json.load(open(f))["results"][0] for f in sys.argv[1:]); assert a["metrics"] == b["metrics"], (a, b)' "$tmp/scored.json" "$tmp/out" ;;
    tei) code 'TEI' 0 ask api:tei -t E2EPairs
        py 'the same numbers' 'a, b = (result(f) for f in sys.argv[1:]); assert a["metrics"] == b["metrics"] and b["remote"]["answered_as"] is None, b' "$tmp/vectors.json" "$tmp/out" ;;
    anthropic) code 'Anthropic messages' 0 ask api:claude -t E2EText,E2EChoice
        py 'the same texts, letters as they are read' 'a, b = result(sys.argv[1]), json.load(open(sys.argv[2]))["results"]
assert a["metrics"] == b[0]["metrics"] and b[1]["profile"] == "lm-eval/0.4.13+letters-parsed", b' "$tmp/text.json" "$tmp/out" ;;
    llamacpp) code 'llama.cpp, which calls the model by another name' 0 ask api:llama -t E2EText
        py 'the same texts' 'a, b = (result(f) for f in sys.argv[1:]); assert a["metrics"] == b["metrics"], b' "$tmp/text.json" "$tmp/out" ;;
    esac
    end
done
endpoint --mode wordy
afresh
code 'letters in words' 0 ask api:chat -t E2EChoice
py 'are found, and marked' 'r = result(sys.argv[1]); assert r["profile"] == "lm-eval/0.4.13+letters-parsed" and r["audit"]["unparsed"] == 0, r' "$tmp/out"
end

# 3. Endpoints that are slow, busy, broken off or broken: each request is answered once, and the result is the same.
core='a, b = (json.load(open(f))["results"][0] for f in sys.argv[1:3])
assert a["metrics"] == b["metrics"] and b["n"] == 40, b'
for mode in storm failing partial broken disconnect slow; do
    endpoint --mode $mode --every 7
    afresh
    code "$mode" 0 ask api:scorer -t E2EChoice
    py "$mode: the same result" "$core"'
notes = lines(sys.argv[3]); ok = {x["body"] for x in notes if x["status"] == 200}
assert len(ok) == 160, len(ok)
bill = b["remote"]["bill"]
assert bill["requests"] == len(notes), (bill, len(notes))' "$tmp/scored.json" "$tmp/out" "$tmp/notes"
    end
done
endpoint --mode narrow --delay 0.03 # more than two at once are refused
afresh
code 'an endpoint that bears two at once' 0 ask api:scorer -t E2EChoice
py 'is soon asked so many' "$core"'
refused = sum(x["status"] == 429 for x in lines(sys.argv[3]))
assert 0 < refused < 100, refused' "$tmp/scored.json" "$tmp/out" "$tmp/notes"
afresh
end
endpoint
code 'a limit of requests a minute' 0 ask api:paced -t E2EChoice --limit 10
py 'is kept' 'at = [x["at"] for x in lines(sys.argv[1])]
assert len(at) == 40 and at[-1] - at[0] > 39 * 0.05 - 0.1, at[-1] - at[0]' "$tmp/notes"
end
endpoint
code 'of a suite, a chat is asked what it can be asked' 0 ask api:chat -s e2e
py 'and the rest is left out' 'r = json.load(open(sys.argv[1]))["results"]; assert [x["task"] for x in r] == ["E2EChoice"], r' "$tmp/out"
end
endpoint --mode hang --every 40
afresh
code 'replies that never end' 0 ask api:scorer -t E2EChoice
py 'are given up and asked again' "$core" "$tmp/scored.json" "$tmp/out"
end
for mode in twice few ragged; do
    endpoint --mode $mode
    afresh
    code "vectors: $mode" 7 ask api:vectors -t E2EPairs
    end
done
for mode in short-logprobs text-logprobs positive-logprobs no-top no-logprobs other-tokens no-echo shifted-offsets two-choices wrong-model double; do
    endpoint --mode $mode
    afresh
    code "$mode is an error, and no score" 7 ask api:scorer -t E2EChoice
    equal "$mode: nothing is printed" '' "$(cat "$tmp/out")"
    end
done
has 'what is said twice is no JSON' 'reply' "$tmp/err"
for mode in null-logprobs merged-tokens; do
    endpoint --mode $mode
    afresh
    code "$mode is a number that there isn't" 6 ask api:scorer -t E2EChoice
    end
done
endpoint --mode broke
afresh
code 'no money left' 1 ask api:scorer -t E2EChoice
end
endpoint --mode tomorrow
code 'a pause of a day' 4 ask api:scorer -t E2EChoice
has 'is said' '86400 seconds' "$tmp/err"
end
endpoint --mode no-text
afresh
code 'a chat without text' 7 ask api:chat -t E2EText
end

# 4. The ceiling holds, whatever the endpoint does; raised, the same command goes on.
for mode in good partial; do
    ceiling=0.002
    endpoint --mode $mode --every 5
    afresh
    code "$mode: the ceiling ends it" 1 ask api:scorer -t E2EChoice
    has 'and is named' '0.002' "$tmp/err"
    "$ASSAY" api ls --json >"$tmp/paid.json"
    py "$mode: less was paid, by the meter and by the endpoint" 'paid = {a["name"]: a["paid"] for a in json.load(open(sys.argv[1]))["apis"]}["api:scorer"]
real = sum(2 * p["paid"][0] + 8 * p["paid"][1] for p in lines(sys.argv[2]) if p["status"] == 200) / 1e6
assert 0.001 < paid <= 0.002 and real <= paid + 1e-12, (paid, real)' "$tmp/paid.json" "$tmp/notes"
    n=$(answered)
    sed -i 's/ceiling = 0.002/ceiling = 1/' "$ASSAY_APIS"
    code "$mode: with another ceiling it goes on" 0 ask api:scorer -t E2EChoice
    py 'to the same result' "$core"'
assert b["answers_reused"] > 10, b["answers_reused"]' "$tmp/scored.json" "$tmp/out"
    [ $mode = partial ] || equal 'and pays nothing twice' 160 "$(answered)"
    end
done
ceiling=

# 5. kill -9 while one request hangs: what was answered is not paid again; the command dies, then its process.
start() { # in the background, without a shell around it
    "$ASSAY" eval --no-db --no-progress --json "$@" >"$tmp/cut.json" 2>"$tmp/cut.log" &
    pid=$!
    children="$children $pid"
}
for victim in command job; do
    endpoint --mode stall --every 30
    afresh
    start api:one -t E2EChoice
    wait_for 'all but one are answered' sh -c "[ \$(grep -c '\"status\": 200' '$tmp/notes') = 29 ] && sleep 0.3"
    job=$(job_of "$pid")
    if [ $victim = command ]; then kill -9 "$pid"; else kill -9 "$job"; fi
    wait "$pid" || true
    wait_for 'both are dead' gone "$job"
    end
    cp "$tmp/notes" "$tmp/notes.before"
    endpoint --port "$port"
    cp "$tmp/notes.before" "$tmp/notes"
    code "after the death of the $victim it goes on" 0 ask api:one -t E2EChoice
    py 'to the same result' "$core"'
assert b["answers_reused"] == 29, b["answers_reused"]' "$tmp/scored.json" "$tmp/out"
    equal 'each was paid once' 160 "$(answered)"
    equal 'none twice' 160 "$(sed 's/.*"body": "\([^"]*\)".*/\1/' "$tmp/notes" | sort -u | wc -l)"
    "$ASSAY" api ls --json >"$tmp/paid.json"
    py 'the meter counts what hung at its most' 'paid = {a["name"]: a["paid"] for a in json.load(open(sys.argv[1]))["apis"]}["api:one"]
real = sum(2 * p["paid"][0] + 8 * p["paid"][1] for p in lines(sys.argv[2]) if p["status"] == 200) / 1e6
assert real < paid < real + 0.001, (paid, real)' "$tmp/paid.json" "$tmp/notes"
    end
done
endpoint --delay 0.02
afresh
for i in 1 2 3; do # eight at once, in the middle of it
    before=$(answered)
    start api:scorer -t E2EChoice
    wait_for 'more are answered' sh -c "[ \$(grep -c '\"status\": 200' '$tmp/notes') -gt $((before + 24)) ]"
    job=$(job_of "$pid")
    kill -9 "$pid"
    wait "$pid" || true
    wait_for 'both are dead' gone "$job"
done
code 'after three deaths it goes on' 0 ask api:scorer -t E2EChoice
py 'to the same result' "$core" "$tmp/scored.json" "$tmp/out"
n=$(sed 's/.*"body": "\([^"]*\)".*/\1/' "$tmp/notes" | sort | uniq -d | wc -l)
[ "$n" -le 24 ] || fail "$n requests were paid twice: more than were under way at three deaths"
ok "no more was paid twice than was under way ($n)"
end
endpoint --mode stall --every 1
start api:scorer -t E2ELast
wait_for 'one is asking' sh -c "ls -l /proc/\$(cat /proc/$pid/task/$pid/children | tr -d ' ')/fd 2>/dev/null | grep -q paid"
code 'another at the same time' 8 ask api:scorer -t E2ERolling
kill -9 "$pid"
wait "$pid" || true
end

# 6. The key gets nowhere: not by an endpoint that says it back, not into files, not into the database.
endpoint --mode locked
code 'access refused' 5 ask api:chat -t E2EText
grep -q 'Incorrect API key' "$tmp/err" || fail 'what the endpoint says is told'
end
endpoint --mode leaky
afresh
code 'db init' 0 "$ASSAY" db init
code 'an endpoint that writes the key into its texts' 0 "$ASSAY" eval api:chat -t E2EText -t E2EChoice --no-progress --json --samples --out "$tmp/leaky"
end
endpoint
code 'log-likelihoods to the database' 0 "$ASSAY" eval api:scorer -t E2EChoice --no-progress --json
sql "SELECT string_agg(row_to_json(t)::text, ' ') FROM (SELECT * FROM runs) t; SELECT string_agg(row_to_json(t)::text, ' ') FROM (SELECT * FROM revisions) t;" >"$tmp/rows.txt"
"$ASSAY" result export --to "$tmp/exported" >"$tmp/export.log" 2>&1
grep -rlF "${key#sk-}" "$ASSAY_HOME" "$tmp" --include='*' 2>/dev/null | grep -v '/pg/' >"$tmp/found.list" || true
equal 'no file has it' '' "$(cat "$tmp/found.list")"
"$ASSAY" db dump "$tmp/dump" >"$tmp/out" 2>&1 || fail 'db dump'
sql "SELECT * FROM runs; SELECT * FROM sample_chunks; SELECT * FROM results; SELECT * FROM events" >>"$tmp/rows.txt"
has 'the rows are there' 'mock-1' "$tmp/rows.txt"
equal 'no row has it' 0 "$(grep -cF "${key#sk-}" "$tmp/rows.txt" || true)"
equal 'nor the dump' 0 "$(grep -rlF "${key#sk-}" "$tmp/dump" | wc -l)"
equal 'the models are of their own kind' 'api/chat api|api/scorer api' "$(sql "SELECT string_agg(name || ' ' || kind, '|' ORDER BY name) FROM models")"
equal 'and letters another configuration' 'lm-eval/0.4.13+letters' "$(sql "SELECT DISTINCT c.profile FROM runs r JOIN configurations c USING (config_id) JOIN revisions v USING (revision_id) JOIN models m USING (model_id) JOIN tasks t USING (task_id) WHERE m.name = 'api/chat' AND t.name = 'E2EChoice'")"

# 7. On the site: beside measured models where it was asked as they were, marked everywhere, with what is known of it.
models
export HF_ENDPOINT="$tmp/hub"
code 'a model that is measured here' 0 "$ASSAY" submit tiny/decoder -s e2e
code 'the queue' 0 "$ASSAY" worker --drain --threads 1
code 'the board' 0 "$ASSAY" suite board e2e --json
cp "$tmp/out" "$tmp/board.json"
py 'has the endpoint that gives log-likelihoods, not the one that talks' 'text = open(sys.argv[1]).read()
assert "tiny/decoder" in text and "api/scorer" in text and "api/chat" not in text, text[:2000]' "$tmp/board.json"
code 'the site' 0 "$ASSAY" site build -o "$tmp/site" --no-progress
code 'is sound' 0 "$ASSAY" site check "$tmp/site"
py 'pages say what is known' 'import glob, os, re
root = sys.argv[1]
page = lambda p: open(root + p).read()
board, model, methods = page("/s/e2e/index.html"), page("/m/api/scorer/index.html"), page("/methods/index.html")
assert ">api</a>" in board and "m/api/scorer/" in board and "methods/#remote" in board, board
assert "id=\"remote\"" in methods
assert "not said by who serves it" in model and "mock-1" in model and "127.0.0.1:" in model and "Asked last" in model, model
run = open(glob.glob(root + "/m/api/scorer/r/*/index.html")[0]).read()
for words in ["Asked over HTTP", "openai completions at 127.0.0.1:", "Answered as", "not said by who serves it", "may have changed it since"]:
    assert words in run, (words, run)
letters = "".join(open(f).read() for f in glob.glob(root + "/m/api/chat/r/*/index.html"))
assert "lm-eval/0.4.13+letters" in letters
assert "api/chat" not in board' "$tmp/site"
equal 'and not the key' 0 "$(grep -rlF "${key#sk-}" "$tmp/site" | wc -l)"
finish
