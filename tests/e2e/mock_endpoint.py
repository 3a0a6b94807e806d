"""An endpoint that is a mock: replies in the shapes of OpenAI, vLLM, llama.cpp, TEI and Anthropic, from a model of fixed
log-probabilities that tests compute again by importing this file. It notes every request and what it was paid for it,
and has bad habits on request.

    mock_endpoint.py PORT_FILE NOTES [--mode NAME] [--every N] [--kind openai|vllm|llamacpp|tei|anthropic] [--key KEY] [--port N] [--delay S]
"""
import argparse, hashlib, http.server, json, os, re, threading, time

MODEL, WIDTH = "mock-1", 8

def tokens(text):
    """Words with the blank before them, marks, blanks: whatever the text, they join to it again."""
    return re.findall(r" ?[A-Za-z0-9]+| ?[^A-Za-z0-9\s]|\s", text)

def number(*parts):
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:6], "big") / 2**48

def logprob(before, token):
    """Of a token behind the last two."""
    return -8 * number("lp", *before[-2:], "|", token) - 0.01

def likeliest(before, token):
    """What a list of one has: the token itself where it is (one in three), else another."""
    lp = logprob(before, token)
    return {token: lp} if number("top", *before[-2:], "|", token) < 1 / 3 else {token: lp, " the": lp / 2}

def loglikelihood(context, continuation):
    """(sum, greedy) as whoever asks in the right way has it."""
    blanks = len(context) - len(context.rstrip())
    if blanks: context, continuation = context[:-blanks], context[-blanks:] + continuation
    t, n = tokens(context + continuation), len(tokens(context))
    assert "".join(t[:n]) == context, (context, continuation)
    return (sum(logprob(t[:i], t[i]) for i in range(n, len(t))),
        all(max(likeliest(t[:i], t[i]).values()) <= logprob(t[:i], t[i]) for i in range(n, len(t))))

def vector(text):
    return [round(2 * number("v", text, str(k)) - 1, 6) for k in range(WIDTH)]

def letter(question, options):
    """The letter that a chat says, and the log-probabilities of those that it lists."""
    lps = {o: -5 * number("letter", question, o) - 0.01 for o in options}
    return max(lps, key=lps.get), lps

def written(prompt):
    return "%d apples. The answer is %d.\n\nQuestion: more" % (len(prompt) % 7, int(10 * number("say", prompt)))

class Endpoint:
    def __init__(self, a):
        self.a, self.lock, self.count, self.answered, self.seen = a, threading.Lock(), 0, 0, {}
        self.under_way = self.most = 0

    def note(self, **what):
        with self.lock:
            with open(self.a.notes, "a") as f: f.write(json.dumps(dict(what, at=time.time())) + "\n")

    # ---- replies as they should be ----

    def completion(self, q):
        prompt, echo, lp = q["prompt"], q.get("echo"), q.get("logprobs")
        vllm = self.a.kind == "vllm"
        said = [" the"] if echo else tokens(written(prompt))[:q["max_tokens"]]
        t = tokens(prompt)
        shown = (["<s>"] if vllm and echo else []) + (t if echo else []) + said
        choice = {"index": 0, "text": (prompt if echo else "") + "".join(said), "logprobs": None,
            "finish_reason": "length" if echo or len(said) == q["max_tokens"] else "stop"}
        if vllm: choice.update(stop_reason=None, prompt_logprobs=None)
        if lp is not None:
            bos, offsets, at = len(shown) - len(t) - len(said), [], 0
            for x in shown:
                offsets.append(at)
                at += len(x)
            lps = [None if i == 0 else logprob(shown[bos:i], shown[i]) for i in range(len(shown))]
            tops = [None if i == 0 else likeliest(shown[bos:i], shown[i]) for i in range(len(shown))]
            choice["logprobs"] = {"tokens": shown, "token_logprobs": lps, "top_logprobs": tops, "text_offset": offsets}
        return {"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": MODEL, "choices": [choice],
            "usage": {"prompt_tokens": len(t), "total_tokens": len(t) + len(said), "completion_tokens": len(said)}}

    def chat_text(self, q):
        last = q["messages"][-1]["content"]
        options = re.findall(r"^([A-Z])\. ", last, re.M)
        if "letter of the right option" not in last: return "".join(tokens(written(last))[:q.get("max_tokens", 99)]), None
        return letter(last, options or ["A", "B", "C", "D"])

    def chat(self, q):
        text, lps = self.chat_text(q)
        spoken = text if lps is None or self.a.mode != "wordy" else f"I think the answer is **{text}**."
        choice = {"index": 0, "message": {"role": "assistant", "content": spoken, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
        if q.get("logprobs") and lps and self.a.mode != "wordy":
            top = [{"token": k, "logprob": v, "bytes": [ord(k)]} for k, v in sorted(lps.items(), key=lambda x: -x[1])]
            choice["logprobs"] = {"content": [{"token": text, "logprob": lps[text], "bytes": [ord(text)], "top_logprobs": top}], "refusal": None}
        n = sum(len(tokens(m["content"])) for m in q["messages"])
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": MODEL + "-2026-01-01", "choices": [choice],
            "usage": {"prompt_tokens": n, "completion_tokens": len(tokens(spoken)), "total_tokens": n + len(tokens(spoken))}, "system_fingerprint": None}

    def messages(self, q):
        text, _ = self.chat_text(q)
        n = sum(len(tokens(m["content"])) for m in q["messages"])
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": n, "output_tokens": len(tokens(text))}}

    def embeddings(self, q):
        texts = q["input"]
        n = sum(len(tokens(t)) for t in texts)
        data = [{"object": "embedding", "index": i, "embedding": vector(t)} for i, t in enumerate(texts)]
        return {"object": "list", "data": data[::-1], "model": MODEL, "usage": {"prompt_tokens": n, "total_tokens": n}}

    def answer(self, path, q):
        if path == "/v1/completions": return self.completion(q)
        if path == "/v1/chat/completions": return self.chat(q)
        if path == "/v1/messages": return self.messages(q)
        if path == "/v1/embeddings": return self.embeddings(q)
        if path == "/embed": return [vector(t) for t in q["inputs"]]
        return None

    # ---- and as they should not ----

    def spoil(self, reply):
        """Of one kind of wrong shape; the name of the mode says which."""
        mode = self.a.mode
        c = reply["choices"][0] if isinstance(reply, dict) and "choices" in reply else {}
        lp = c.get("logprobs") or {}
        if mode == "short-logprobs": lp["token_logprobs"].pop()
        if mode == "text-logprobs": lp["token_logprobs"][-2] = "-1.5"
        if mode == "positive-logprobs": lp["token_logprobs"][-2] = 0.5
        if mode == "null-logprobs": lp["token_logprobs"][-2] = None
        if mode == "no-top": lp["top_logprobs"] = None
        if mode == "no-logprobs": c["logprobs"] = None
        if mode == "other-tokens": lp["tokens"][1] = " else"
        if mode == "no-echo":
            for k in lp: lp[k] = lp[k][-1:]
        if mode == "shifted-offsets": lp["text_offset"] = lp["text_offset"][:1] + [x + 1 for x in lp["text_offset"][1:]]
        if mode == "merged-tokens": # one token over the end of every context
            t = lp["tokens"]
            for k in range(len(t) - 2, 0, -1):
                if t[k].startswith(" "): t[k - 1:k + 1] = [t[k - 1] + t[k]]; lp["token_logprobs"].pop(k); lp["top_logprobs"].pop(k); lp["text_offset"].pop(k); break
        if mode == "two-choices": reply["choices"] *= 2
        if mode == "wrong-model": reply["model"] = "cheaper-2"
        if mode == "no-text": c.pop("text", None); c.pop("message", None)
        if mode == "twice": reply["data"][0]["index"] = reply["data"][-1]["index"]
        if mode == "few": reply["data"].pop()
        if mode == "ragged": reply["data"][0]["embedding"].pop()
        return reply

def serve(a):
    e = Endpoint(a)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *x): pass

        def send(self, status, body, headers={}):
            self.send_response(status)
            for k, v in headers.items(): self.send_header(k, v)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def error(self, status, message, code=None, headers={}):
            shape = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
            if a.kind == "tei": shape = {"error": message, "error_type": "Validation"}
            if a.kind == "anthropic": shape = {"type": "error", "error": {"type": code or "invalid_request_error", "message": message}}
            self.send(status, json.dumps(shape).encode(), headers)

        def do_POST(self):
            with e.lock:
                e.under_way += 1
                e.most = max(e.most, e.under_way)
            try: self.work()
            except (BrokenPipeError, ConnectionResetError): pass
            finally:
                with e.lock: e.under_way -= 1

        def work(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers.get("x-api-key") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            mark = hashlib.sha256(body).hexdigest()[:16]
            with e.lock:
                e.count += 1
                k = e.count
            if a.key and (key != a.key or a.mode == "locked"):
                e.note(body=mark, status=401)
                return self.error(401, f"Incorrect API key provided: {key}", "invalid_api_key")
            bad = number("bad", str(k)) < 1 / a.every # no rhythm that a retry could fall into
            if a.mode == "storm" and k % 3 != 0:
                e.note(body=mark, status=429)
                return self.error(429, "Rate limit reached", "rate_limit_exceeded", {"Retry-After": "0"} if k % 2 else {})
            if a.mode == "narrow" and e.under_way > 2:
                e.note(body=mark, status=429)
                return self.error(429, "Too many at once", "rate_limit_exceeded")
            if a.mode == "broke":
                return self.error(429, "You exceeded your current quota", "insufficient_quota")
            if a.mode == "tomorrow":
                return self.error(429, "Come back tomorrow", None, {"Retry-After": "86400"})
            if a.mode == "failing" and bad:
                e.note(body=mark, status=500)
                return self.error([500, 503, 529][k % 3], "The server had an error")
            q = json.loads(body)
            if a.kind == "anthropic": assert self.headers["anthropic-version"] == "2023-06-01"
            reply = e.answer(self.path, q)
            if reply is None: return self.error(404, "Not found")
            if a.kind != "tei" and q["model"] != MODEL: return self.error(404, f"The model `{q['model']}` does not exist", "model_not_found")
            if a.mode == "stall" and k >= a.every:
                time.sleep(600)
            time.sleep(a.delay)
            text = json.dumps(e.spoil(reply)).encode()
            if a.mode == "leaky": text = text.replace(b"apples", key.encode())
            usage = reply.get("usage", {}) if isinstance(reply, dict) else {}
            e.note(body=mark, status=200, path=self.path, paid=[usage.get("prompt_tokens", usage.get("input_tokens", 0)),
                usage.get("completion_tokens", usage.get("output_tokens", 0))], asked=q.get("input") or q.get("inputs") or [""])
            if a.mode == "partial" and bad: # a whole message of half a document
                return self.send(200, text[:len(text) // 2])
            if a.mode == "broken" and bad: # half a message
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[:len(text) // 2])
                self.close_connection = True
                return
            if a.mode == "disconnect" and bad:
                self.close_connection = True
                return
            if a.mode == "double": return self.send(200, text + b"\n" + text)
            if a.mode == "slow":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for i in range(0, len(text), 1 + len(text) // 8):
                    part = text[i:i + 1 + len(text) // 8]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.flush()
                    time.sleep(0.02)
                self.wfile.write(b"0\r\n\r\n")
                return
            if a.mode == "hang" and bad: # some bytes, and nothing more
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[:10])
                self.wfile.flush()
                time.sleep(60)
                return
            self.send(200, text)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads, request_queue_size, allow_reuse_address = True, 256, True
    s = Server(("127.0.0.1", a.port), Handler)
    with open(a.port_file + ".new", "w") as f: f.write(str(s.server_address[1]))
    os.rename(a.port_file + ".new", a.port_file)
    s.serve_forever()

if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("port_file")
    p.add_argument("notes")
    p.add_argument("--mode", default="good")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--every", type=int, default=3)
    p.add_argument("--kind", default="openai")
    p.add_argument("--key")
    p.add_argument("--delay", type=float, default=0)
    serve(p.parse_args())
