"""What live.sh asks of a running service: one function a promise. live.py NAME..., with U the address, VECTORS and SCORES what
`assay embed` and `score` said of the same texts."""
import http.client, json, math, os, re, socket, sys, threading, time, urllib.parse

E = os.environ
HOST, PORT = E["U"].split("//")[1].split(":")
J = {"Content-Type": "application/json"}
F = {"Content-Type": "application/x-www-form-urlencoded"}
QUERY, TEXTS = "a small bird", ["a lorry on the road", "a sparrow"]
CONTEXT, CHOICES = "The capital of France is", ["Paris", "Rome", "a town"]
BIRD = {"query": QUERY, "texts": TEXTS}

def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection(HOST, int(PORT), timeout=60)
    c.request(method, path, body, headers)
    r = c.getresponse()
    text = r.read().decode("utf-8", "replace")
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, text

def live(kind, body):
    status, headers, text = ask("POST", "/api/v1/live/" + kind, body if isinstance(body, str) else json.dumps(body), J)
    return status, headers, json.loads(text)

def near(a, b, by=1e-5): return abs(a - b) <= by * max(1, abs(a), abs(b))

def neighbours_are_those_of_embed():
    with open(E["VECTORS"], encoding="utf-8") as f:
        bird, sparrow, lorry = (json.loads(line)["embedding"] for line in f)
    def cosine(a, b): return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    status, _, d = live("neighbours", BIRD)
    assert status == 200 and d["schema"] == "assay.live/1" and d["model"] == "tiny/encoder", d
    want = sorted([(cosine(bird, lorry), 0), (cosine(bird, sparrow), 1)], reverse=True)
    assert [n["index"] for n in d["neighbours"]] == [i for _, i in want], (d, want)
    assert all(near(n["cosine"], c) for n, (c, _) in zip(d["neighbours"], want)), (d, want)

def choices_are_those_of_score():
    with open(E["SCORES"], encoding="utf-8") as f:
        said = json.loads(f.readline())
    status, _, d = live("choices", {"model": "tiny/decoder", "context": CONTEXT, "choices": CHOICES})
    assert status == 200, d
    logs = [c["loglikelihood"] for c in said["choices"]] if "choices" in said else said["loglikelihood"]
    assert all(near(c["loglikelihood"], x) for c, x in zip(d["choices"], logs)), (d, said)
    assert near(sum(c["probability"] for c in d["choices"]), 1), d
    assert d["acc"] == logs.index(max(logs)), d
    per = [x / len(c) for x, c in zip(logs, CHOICES)]
    assert d["acc_norm"] == per.index(max(per)) and near(d["choices"][1]["per_character"], per[1]), (d, per)

def models_and_limits_are_listed():
    status, _, text = ask("GET", "/api/v1/live")
    d = json.loads(text)
    assert status == 200 and [(m["name"], m["kind"]) for m in d["models"]] == [("tiny/encoder", "neighbours"), ("tiny/decoder", "choices")], d
    assert d["limits"]["texts"] == 64 and d["limits"]["seconds"] == 20, d
    assert "/live/" in ask("GET", "/queue")[2] and "/api/v1/live" in ask("GET", "/api")[2]

def form_of(path):
    status, h, text = ask("GET", path)
    assert status == 200, (status, text)
    return h.get("set-cookie", "").split(";")[0], re.search('name="form" value="([0-9a-f]{64})"', text).group(1), h, text

def post(kind, cookie, **fields):
    return ask("POST", "/live/" + kind, urllib.parse.urlencode(fields), dict(F, Cookie=cookie))

def a_form_needs_no_script_and_shows_what_was_sent():
    cookie, form, h, text = form_of("/live/?model=tiny/decoder")
    assert "<script" not in text and "default-src 'none'" in h["content-security-policy"], h
    status, _, text = post("choices", cookie, form=form, model="tiny/decoder", context=CONTEXT, choices="Paris\r\nRome\r\n\r\n a town ")
    assert status == 200 and "acc takes it" in text and "Paris\nRome\na town</textarea>" in text, text
    cookie, form, _, _ = form_of("/live/")
    status, _, text = post("neighbours", cookie, form=form, model="tiny/encoder", query=QUERY, texts="\n".join(TEXTS))
    assert status == 200 and "a lorry on the road" in text and text.count("<tr>") == 3, text
    status, _, text = post("neighbours", cookie, form=form, query="", texts="x")
    assert status == 422 and "Query is missing" in text and ">\nx</textarea>" in text, (status, text)

def a_form_from_elsewhere_is_refused():
    cookie, form, _, _ = form_of("/live/")
    for c, f in [(cookie, "0" * 64), ("", form), ("assay_form=" + "0" * 32, form)]:
        status, _, text = post("neighbours", c, form=f, query="q", texts="t")
        assert status == 403 and "not sent from a page of ours" in text, (status, text)

def mistakes_are_said_in_a_way_that_helps():
    for body, status, said in [("{", 400, "the body"), ("[]", 400, "no JSON object"), ({"query": "q"}, 422, "texts is missing"),
                               ({"query": "q", "texts": []}, 422, "0 texts"), ({"query": 1, "texts": ["a"]}, 422, "query is no text"),
                               (dict(BIRD, textes=1), 422, "no field 'textes'"), (dict(BIRD, model="no/model"), 404, "no such model"),
                               (dict(BIRD, model="tiny/decoder"), 422, "asked for choices")]:
        got, _, d = live("neighbours", body)
        assert got == status and said in d["error"]["message"], (body, got, d)
    assert live("choices", {"context": "c", "choices": ["a", ""]})[0] == 422
    assert live("nothing", BIRD)[0] == 404
    assert ask("GET", "/live/?model=no/model")[0] == 404

def too_much_is_refused():
    for body in [dict(BIRD, query="x" * 4097), dict(BIRD, texts=["x"] * 65), dict(BIRD, texts=["x" * 4000] * 5)]:
        status, _, d = live("neighbours", body)
        assert status == 413 and d["error"]["hint"], (status, d)
    assert live("choices", {"context": "c", "choices": ["x"] * 17})[0] == 413
    assert ask("POST", "/api/v1/live/neighbours", '"' + "x" * 70000 + '"', J)[0] == 413

def what_markup_says_is_shown_as_text():
    cookie, form, _, _ = form_of("/live/")
    evil = "</textarea><script>alert(1)</script>\"'&"
    status, _, text = post("neighbours", cookie, form=form, query=evil, texts=evil)
    assert status == 200 and "<script" not in text and text.count("&lt;script&gt;") >= 3, text

def a_visitor_has_a_rate():
    said = [live("neighbours", BIRD) for _ in range(4)]
    assert [s for s, _, _ in said].count(200) == 2 and said[3][0] == 429 and int(said[3][1]["retry-after"]) >= 1, said

def a_model_in_a_folder_is_known_by_its_last_name():
    text = ask("GET", "/api/v1/live")[2] + ask("GET", "/live/")[2]
    assert json.loads(ask("GET", "/api/v1/live")[2])["models"][0]["name"] == "encoder" and "/hub/" not in text, text

def without_models_there_is_no_corner():
    assert ask("GET", "/live/")[0] == 404 and "/live/" not in ask("GET", "/queue")[2]
    assert live("neighbours", BIRD)[0] == 404
    assert json.loads(ask("GET", "/api/v1/live")[2])["models"] == []

def a_question_has_its_time():
    began = time.monotonic()
    status, headers, d = live("neighbours", BIRD)
    assert status == 503 and d["error"]["code"] == "late" and "retry-after" in headers and time.monotonic() - began < 30, (status, d)

def sent():
    s = socket.create_connection((HOST, int(PORT)))
    body = json.dumps(BIRD)
    s.sendall(f"POST /api/v1/live/neighbours HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return s

def a_visitor_who_leaves_makes_room():
    for _ in range(6):
        s = sent()
        time.sleep(0.2)
        s.close()
    for _ in range(100):
        status, _, d = live("neighbours", BIRD)
        if status == 503 and d["error"]["code"] == "late": return
        assert status == 429, (status, d)
        time.sleep(0.1)
    raise Exception("who left is still waited for")

def two_who_wait_are_told_that_it_ends():
    for s in [sent(), sent()]:
        text = s.makefile().read()
        assert text.startswith("HTTP/1.1 503") and '"stopping"' in text, text

def one_is_answered_and_one_waits():
    for _ in range(600):
        if "assay_live_waiting 1\n" in ask("GET", "/metrics")[2]: return
        time.sleep(0.1)
    raise Exception("nobody waits")

def the_queue_has_an_end():
    waiting = [sent(), sent()]
    time.sleep(0.3)
    status, headers, d = live("neighbours", BIRD)
    assert status == 429 and "two questions" in d["error"]["message"] and int(headers["retry-after"]) >= 1, (status, d)
    for s in waiting: s.close()

for name in sys.argv[1:]:
    try:
        globals()[name]()
        print("ok -", name.replace("_", " "))
    except Exception:
        print("FAILED:", name, file=sys.stderr)
        raise
