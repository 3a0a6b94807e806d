"""What endpoint.sh asks of models that are served: one function a promise. endpoint.py NAME..., with U the address; VECTORS, TEXTS, SCORES:
what `assay embed`, `generate` and `score` said of the same."""
import base64, concurrent.futures, http.client, json, math, os, random, socket, struct, sys, threading, time

E = os.environ
HOST, PORT = E["U"].split("//")[1].split(":")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
J = {"Content-Type": "application/json"}

def lines(name):
    with open(E[name], encoding="utf-8") as f:
        return [json.loads(line) for line in f]

def ask(method, path, body=None, headers=J):
    c = http.client.HTTPConnection(HOST, int(PORT), timeout=120)
    c.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), headers)
    r = c.getresponse()
    text = r.read()
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, text

def post(path, **body):
    status, _, text = ask("POST", "/v1/" + path, body)
    d = json.loads(text)
    assert status == 200, (status, d)
    return d

def complete(prompt, **more): return post("completions", **{"model": "decoder", "prompt": prompt, "temperature": 0, **more})

def stream(path, **body):
    """The objects of a stream, and whether it said that it is whole."""
    status, headers, text = ask("POST", "/v1/" + path, {"stream": True, **body})
    assert status == 200 and headers["content-type"] == "text/event-stream", (status, text)
    events = [e[len("data: "):] for e in text.decode().split("\n\n") if e]
    return [json.loads(e) for e in events if e != "[DONE]"], events[-1] == "[DONE]"

def metric(name):
    for line in ask("GET", "/metrics")[2].decode().splitlines():
        if line.startswith(name + "{") or line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(name)

def wait_for(what):
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")

# ---- what there is ----

def models_are_listed():
    status, _, text = ask("GET", "/v1/models")
    d = json.loads(text)
    assert status == 200 and d["object"] == "list", d
    assert [(m["id"], m["gives"], m["max_model_len"]) for m in d["data"]] == [("decoder", "text", 160), ("encoder", "vectors", 48)], d
    assert json.loads(ask("GET", "/v1/models/encoder")[2])["id"] == "encoder"
    assert ask("GET", "/v1/models/none")[0] == 404 and ask("GET", "/v1/none")[0] == 404 and ask("GET", "/v1/completions")[0] == 405
    assert ask("GET", "/health")[0] == 200 and ask("HEAD", "/health")[2] == b""

# ---- vectors ----

def vectors_are_those_of_embed():
    said = lines("VECTORS")
    texts = [x["text"] for x in lines("VECTORS_IN")]
    d = post("embeddings", model="encoder", input=texts)
    assert [x["index"] for x in d["data"]] == list(range(len(texts))) and d["usage"]["prompt_tokens"] > 0, d
    assert [x["embedding"] for x in d["data"]] == [x["embedding"] for x in said], (d, said)
    one = post("embeddings", model="encoder", input=texts[0], encoding_format="base64")["data"][0]["embedding"]
    floats = struct.unpack("<%df" % len(said[0]["embedding"]), base64.b64decode(one))
    assert [struct.unpack("f", struct.pack("f", x))[0] for x in said[0]["embedding"]] == list(floats)
    ids = post("embeddings", model="encoder", input=[[2, 4, 3], [2, 5, 3]])["data"]
    assert len(ids) == 2 and ids[0] != ids[1], ids
    many = post("embeddings", model="encoder", input=[texts[i % 3] for i in range(700)])["data"]
    assert all(x["index"] == i and x["embedding"] == said[i % 3]["embedding"] for i, x in enumerate(many))
    few = post("embeddings", model="encoder", input=texts[0], dimensions=3)["data"][0]["embedding"]
    assert len(few) == 3 and few[1] / few[0] - said[0]["embedding"][1] / said[0]["embedding"][0] < 1e-5, few

# ---- texts ----

def texts_are_those_of_generate():
    said = lines("TEXTS")
    prompts = [x["prompt"] for x in lines("TEXTS_IN")]
    d = complete(prompts, max_tokens=20)
    assert [c["text"] for c in d["choices"]] == [x["text"] for x in said], (d, said)
    assert [c["finish_reason"] for c in d["choices"]] == [x["finish"] for x in said]
    assert d["usage"]["completion_tokens"] == sum(len(x["ids"]) for x in said), d["usage"]
    one = complete(prompts[0], max_tokens=20, echo=True)["choices"][0]["text"]
    assert one == prompts[0] + said[0]["text"]
    events, whole = stream("completions", model="decoder", prompt=prompts, temperature=0, max_tokens=20, stream_options={"include_usage": True})
    made = [""] * len(prompts)
    for e in events:
        for c in e["choices"]:
            made[c["index"]] += c["text"]
    assert whole and made == [x["text"] for x in said], (made, said)
    assert events[-1]["usage"] == d["usage"] or events[-1]["usage"]["completion_tokens"] == d["usage"]["completion_tokens"], events[-1]

def drawn_texts_go_by_their_seed():
    a, b, c = (complete("abc", temperature=1.5, seed=s, n=3, max_tokens=30)["choices"] for s in (1, 1, 2))
    assert a == b and a != c and a[0]["text"] != a[1]["text"], (a, b, c)
    assert complete("abc", temperature=9, top_p=1e-9, seed=4)["choices"] == complete("abc")["choices"]

def numbers_are_those_of_score():
    """As lm-evaluation-harness reads them: the sum over the choice, and whether each token is the likeliest."""
    said = lines("SCORES")[0]
    asked = lines("SCORES_IN")[0]
    prompts = [asked["context_ids"] + c for c in asked["choices_ids"]]
    d = complete(prompts, max_tokens=1, logprobs=1, echo=True)
    n = len(asked["context_ids"])
    for i, c in enumerate(d["choices"]):
        numbers, tops = c["logprobs"]["token_logprobs"], c["logprobs"]["top_logprobs"]
        assert numbers[0] is None and len(numbers) == len(prompts[i]) + 1 == len(tops) == len(c["logprobs"]["tokens"]), c
        assert sum(numbers[n:-1]) == said["loglikelihood"][i], (numbers, said)
        assert all(x == max(t.values()) for x, t in zip(numbers[n:-1], tops[n:-1])) == said["greedy"][i]
    alone = complete(prompts[0], max_tokens=0, logprobs=3, echo=True)["choices"][0]["logprobs"]
    assert all(abs(a - b) < 1e-5 for a, b in zip(alone["token_logprobs"][1:], d["choices"][0]["logprobs"]["token_logprobs"][1:]))
    assert all(3 <= len(t) <= 4 for t in alone["top_logprobs"][1:]), alone

def a_stop_string_is_not_told():
    text = complete("ab", max_tokens=30)["choices"][0]["text"]
    assert len(text) > 8, text
    stop = text[5:7]
    want = text[:text.index(stop)]
    c = complete("ab", max_tokens=30, stop=["~~", stop])["choices"][0]
    assert c["text"] == want and c["finish_reason"] == "stop", (c, want)
    events, whole = stream("completions", model="decoder", prompt="ab", temperature=0, max_tokens=30, stop=stop)
    assert whole and "".join(e["choices"][0]["text"] for e in events) == want
    assert events[-1]["choices"][0]["finish_reason"] == "stop"

def a_conversation_goes_through_the_template():
    want = complete("abce", max_tokens=12)["choices"][0]["text"]
    m = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": [{"type": "text", "text": "c"}]}]
    d = post("chat/completions", model="decoder", messages=m, temperature=0, max_tokens=12, logprobs=True, top_logprobs=2)
    c = d["choices"][0]
    assert d["object"] == "chat.completion" and c["message"] == {"role": "assistant", "content": want}, (d, want)
    assert len(c["logprobs"]["content"][0]["top_logprobs"]) == 2 and c["logprobs"]["content"][0]["logprob"] <= 0
    events, whole = stream("chat/completions", model="decoder", messages=m, temperature=0, max_completion_tokens=12)
    assert whole and events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}, events[0]
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == want
    refused = ask("POST", "/v1/chat/completions", {"model": "decoder", "messages": [{"role": "system", "content": "x"}]})
    assert refused[0] == 400 and b"no system here" in refused[2], refused

# ---- many at once ----

def who_else_asks_changes_nothing():
    r = random.Random(4)
    common = "".join(r.choice(LETTERS) for _ in range(60))
    prompts = [(common if i % 2 else "") + "".join(r.choice(LETTERS) for _ in range(1 + i % 9)) for i in range(40)]
    alone = [complete(p, max_tokens=25)["choices"][0]["text"] for p in prompts]
    asked, computed = metric("assay_model_tokens_asked_total"), metric("assay_model_tokens_computed_total")
    def one(i):
        if i % 3 == 0:
            events, whole = stream("completions", model="decoder", prompt=prompts[i], temperature=0, max_tokens=25)
            assert whole
            return "".join(e["choices"][0]["text"] for e in events)
        return complete(prompts[i], max_tokens=25, **({"echo": True, "logprobs": 1} if i % 5 == 0 else {}))["choices"][0]["text"][len(prompts[i]) if i % 5 == 0 else 0:]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(40))) == alone
    asked, computed = metric("assay_model_tokens_asked_total") - asked, metric("assay_model_tokens_computed_total") - computed
    assert computed < asked * 0.8, (asked, computed)
    assert metric("assay_model_texts_running") == 0 and metric("assay_model_requests") == 0

def an_evaluation_beside_an_embedding():
    def one(i):
        if i % 2:
            return len(post("embeddings", model="encoder", input=["a b c"] * 40)["data"]) == 40
        return len(complete([[3, 4, 5, 6 + i % 30]] * 8, max_tokens=5)["choices"]) == 8
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(48)))

# ---- what can't be taken ----

def mistakes_are_said_in_a_way_that_helps():
    ok = {"model": "decoder", "prompt": "a"}
    cases = [
        ("completions", "", "the body"), ("completions", "{", "the body"), ("completions", "[1]", "JSON object"), ("completions", b'{"prompt": "\xff"}', "the body"),
        ("completions", "[" * 100000, "the body"), ("completions", '{"prompt": "a", "prompt": "b"}', "the body"),
        ("completions", {"model": "decoder"}, "'prompt'"), ("completions", {**ok, "prompt": []}, "'prompt'"), ("completions", {**ok, "prompt": [1, "a"]}, "'prompt'"),
        ("completions", {**ok, "prompt": {"a": 1}}, "'prompt'"), ("completions", {**ok, "prompt": [-1]}, "'prompt'"), ("completions", {**ok, "prompt": [37]}, "token id 37"),
        ("completions", {**ok, "prompt": [3] * 161}, "maximum context length is 160"), ("completions", {**ok, "max_tokens": 160}, "maximum context length"),
        ("completions", {**ok, "max_tokens": -1}, "'max_tokens'"), ("completions", {**ok, "max_tokens": 1.5}, "'max_tokens'"), ("completions", {**ok, "max_tokens": "9"}, "'max_tokens'"),
        ("completions", {**ok, "temperature": "hot"}, "'temperature'"), ("completions", {**ok, "temperature": -1}, "'temperature'"), ("completions", {**ok, "top_p": 2}, "'top_p'"),
        ("completions", {**ok, "n": 0}, "'n'"), ("completions", {**ok, "n": 129}, "'n'"), ("completions", {**ok, "prompt": ["a"] * 1025, "n": 2}, "at most 2048"),
        ("completions", {**ok, "stop": [1]}, "'stop'"), ("completions", {**ok, "stop": ["a"] * 33}, "'stop'"), ("completions", {**ok, "stop": "a" * 1025}, "'stop'"),
        ("completions", {**ok, "logprobs": 21}, "'logprobs'"), ("completions", {**ok, "logprobs": 1, "stream": True}, "'logprobs'"), ("completions", {**ok, "echo": 1}, "'echo'"),
        ("completions", {**ok, "frequency_penalty": 1}, "'frequency_penalty'"), ("completions", {**ok, "suffix": "b"}, "'suffix'"), ("completions", {**ok, "best_of": 3}, "'best_of'"),
        ("completions", {**ok, "logit_bias": {"3": 9}}, "'logit_bias'"), ("completions", {**ok, "stream": "yes"}, "'stream'"), ("completions", {**ok, "seed": "x"}, "'seed'"),
        ("completions", {**ok, "model": 3}, "'model'"), ("completions", {**ok, "model": "encoder"}, "gives vectors"), ("embeddings", {"model": "decoder", "input": "a"}, "writes text"),
        ("embeddings", {"model": "encoder"}, "'input'"), ("embeddings", {"model": "encoder", "input": "a", "dimensions": 9999}, "9999"),
        ("embeddings", {"model": "encoder", "input": "a", "encoding_format": "text"}, "'encoding_format'"), ("embeddings", {"model": "encoder", "input": [[999]]}, "999"),
        ("completions", {**ok, "prompt": "a" * (256 * 160 + 1)}, "40961 bytes"), ("embeddings", {"model": "encoder", "input": "a" * (1 << 20) + "b"}, "1048577 bytes"),
        ("chat/completions", {"model": "decoder"}, "'messages'"), ("chat/completions", {"model": "decoder", "messages": ["a"]}, "'messages'"),
        ("chat/completions", {"model": "decoder", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "anything but text"),
        ("chat/completions", {"model": "decoder", "messages": [{"role": "user", "content": "a"}], "tools": [{}]}, "'tools'"),
    ]
    for path, body, word in cases:
        status, headers, text = ask("POST", "/v1/" + path, body)
        d = json.loads(text)["error"]
        assert status == 400 and d["type"] == "invalid_request_error" and word in d["message"] and d["code"] == 400, (path, body, status, d)
    status, _, text = ask("POST", "/v1/completions", {"model": "none", "prompt": "a"})
    assert status == 404 and "'none'" in json.loads(text)["error"]["message"] and json.loads(text)["error"]["param"] == "model", text
    assert ask("POST", "/v1/completions", {"prompt": "a"})[0] == 404, "two models are served, and none is named"
    assert ask("POST", "/v1/completions", b"x", {**J, "Content-Encoding": "gzip"})[0] == 415
    assert ask("POST", "/v1/completions", ok, {**J, "Origin": "https://elsewhere.example"})[0] == 403
    for value in (None, {}, [], "", 0, False):
        assert ask("POST", "/v1/completions", {**ok, "logit_bias": value, "presence_penalty": 0, "user": "me"})[0] == 200

def a_body_has_an_end():
    status, _, text = ask("POST", "/v1/completions", b'{"prompt": "' + b"a" * (17 << 20))
    assert status == 413 and b"16 MiB" in text, (status, text)
    s = socket.create_connection((HOST, int(PORT)))
    s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n")
    assert b" 413 " in s.recv(4096)
    s.close()
    for raw in (b"\x00\x01\x02\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n{"):
        s = socket.create_connection((HOST, int(PORT)))
        s.sendall(raw)
        s.close()
    assert complete("a")["choices"]

# ---- time ----

LONG = {"model": "decoder", "prompt": "abcd", "temperature": 2, "seed": 9, "max_tokens": 150}

def that_runs_on():
    """A prompt that no end token ends."""
    prompts = [a + "bcd" for a in LETTERS]
    return prompts[[c["finish_reason"] for c in complete(prompts, max_tokens=150)["choices"]].index("length")]

def open_stream(**more):
    c = http.client.HTTPConnection(HOST, int(PORT), timeout=120)
    c.request("POST", "/v1/completions", json.dumps({**LONG, "n": 8, "stream": True, **more}), J)
    r = c.getresponse()
    assert r.status == 200 and r.readline().startswith(b"data: ")
    return c, r

def who_leaves_makes_room():
    streams = [open_stream() for _ in range(3)]
    wait_for(lambda: metric("assay_model_texts_running") >= 8)
    for c, _ in streams:
        c.sock.close() if c.sock else None
        c.close()
    for _, r in streams:
        r.close()
    waiting = http.client.HTTPConnection(HOST, int(PORT), timeout=120)
    waiting.request("POST", "/v1/completions", json.dumps({**LONG, "n": 4}), J)
    time.sleep(0.2)
    waiting.close()
    wait_for(lambda: metric("assay_model_requests") == 0)
    assert metric("assay_model_texts_running") == 0
    left = [l for l in ask("GET", "/metrics")[2].decode().splitlines() if 'end="left"' in l]
    assert float(left[0].split()[-1]) == 4, left

def late_answers_are_told():
    long = {**LONG, "prompt": [a + "bcd" for a in LETTERS], "temperature": 0}
    status, _, text = ask("POST", "/v1/completions", long)
    assert status == 504 and "no time" in json.loads(text)["error"]["message"], (status, text)
    events, whole = stream("completions", **long)
    assert not whole and events[-1]["error"]["code"] == 504, events[-1]

def a_new_one_joins_those_under_way():
    c, r = open_stream(prompt=that_runs_on(), temperature=0)
    assert complete("a", max_tokens=2)["choices"] and metric("assay_model_texts_running") >= 1, "the short one waited for the long"
    c.close()

def a_stream_goes_on_to_its_end():
    c, r = open_stream(n=1, prompt=that_runs_on(), temperature=0)
    with open(E["READY"], "w") as f:
        f.write("1")
    text = r.read().decode()
    assert text.rstrip().endswith("data: [DONE]"), text[-300:]

def a_stream_is_told_of_the_end():
    c, r = open_stream(n=1, prompt=that_runs_on(), temperature=0)
    with open(E["READY"], "w") as f:
        f.write("1")
    last = json.loads(r.read().decode().rstrip().rsplit("data: ", 1)[1])
    assert last["error"]["code"] == 503 and "ends" in last["error"]["message"], last

def a_key_is_needed():
    body = {"model": "decoder", "prompt": "a"}
    for key in (None, "Bearer", "Bearer other-key-it-is", "Bearer let-me-in-pleas", "Basic let-me-in-please"):
        status, headers, text = ask("POST", "/v1/completions", body, {**J, **({"Authorization": key} if key else {})})
        assert status == 401 and json.loads(text)["error"]["type"] == "authentication_error" and headers["www-authenticate"] == "Bearer", (key, status, text)
    assert ask("POST", "/v1/completions", body, {**J, "Authorization": "Bearer let-me-in-please"})[0] == 200
    assert ask("GET", "/v1/models")[0] == 401 and ask("GET", "/health")[0] == 200

for name in sys.argv[1:]:
    globals()[name]()
    print("ok", name.replace("_", " "))
