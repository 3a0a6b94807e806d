#!/usr/bin/env python3
"""Measures models that are served: sixteen clients, each with one request after the other, streamed, beside llama.cpp's server, in turn on
the same model, prompts, threads and clients.

usage: bench_serve_model.py ASSAY [--rounds N] [--threads N] [--tokens N] [--clients N] [--requests N] [--dtype f32,bf16] [--only plain,shots] [--alone]
       [--out DIR]

  plain   questions of GSM8K alone, some 70 tokens each
  shots   the same behind five examples that all of them share, some 900 tokens each: what an evaluation asks

Each server starts afresh for each pass, answers one short request that isn't counted, and then all of them over /v1/completions, greedy.
Tokens a second: those that were generated, from the first request sent to the last answer whole. First: from a request to the first text of
its answer; whole: to its end. llama.cpp's server has a slot for each client and keeps prompts as it does by default; 'script/bench generate
--setup' installs it, and the models. Figures go to DIR/serve-model-<processor>-<threads>-threads.json and .md (results/bench)."""
import argparse
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import bench_host
from bench_generate import free_port, model_folder, model_gguf, prompts, server_program, spread

WORKS = {"plain": (0, "questions alone"), "shots": (5, "questions behind 5 shared examples")}


class Assay:
    name = "assay"

    @staticmethod
    def command(args, dtype, port, _):
        return [args.assay, "serve", "--model", model_folder(dtype), "--port", port, "--dtype", dtype, "--threads", args.threads, "--device", "cpu",
                "--no-access-log"]


class Llama:
    name = "llama.cpp server"

    @staticmethod
    def command(args, dtype, port, longest):
        return [server_program(), "-m", model_gguf(dtype), "-t", args.threads, "-tb", args.threads, "-np", args.clients,
                "-c", args.clients * (longest + args.tokens + 64), "--host", "127.0.0.1", "--port", port, "--log-disable"]


@contextlib.contextmanager
def started(command, port):
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                    if json.load(reply).get("status") == "ok":
                        break
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with exit code {process.returncode}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def peak_rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))


def ask(port, model, prompt, tokens):
    """One request on a connection of its own, as curl would send it."""
    body = json.dumps({"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True,
                       "stream_options": {"include_usage": True}})
    begun, first, text, made = time.monotonic(), None, [], 0
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1200)) as c:
        c.request("POST", "/v1/completions", body, {"Content-Type": "application/json", "Connection": "close"})
        reply = c.getresponse()
        if reply.status != 200:
            raise RuntimeError(f"status {reply.status}: {reply.read()[:300]}")
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                raise RuntimeError(str(event["error"]))
            for choice in event.get("choices", ()):
                if choice.get("text"):
                    first = first or time.monotonic()
                    text.append(choice["text"])
            made = (event.get("usage") or {}).get("completion_tokens", made)
    now = time.monotonic()
    return {"first": (first or now) - begun, "whole": now - begun, "n_tokens": made, "text": "".join(text)}


def one_pass(args, who, dtype, texts):
    port, longest = free_port(), max(len(t) for t in texts) // 3
    with started(who.command(args, dtype, port, longest), port) as process:
        model = model_folder(dtype).name
        ask(port, model, "Warm", 4)
        with concurrent.futures.ThreadPoolExecutor(args.clients) as pool:
            begun = time.monotonic()
            answers = list(pool.map(lambda text: ask(port, model, text, args.tokens), texts))
            seconds = time.monotonic() - begun
        return {"seconds": seconds, "answers": answers, "n_tokens": sum(a["n_tokens"] for a in answers), "peak_rss": peak_rss(process.pid)}


def at(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def measure(args, dtype, works):
    everybody = [Assay] + ([Llama] if server_program().exists() and not args.alone else [])
    texts = {work: prompts(args.assay, WORKS[work][0], args.requests) for work in works}
    passes = {(work, who.name): [] for work in works for who in everybody}
    for r in range(args.rounds):
        for work in works:
            for k in range(len(everybody)):  # each round begins with another
                who = everybody[(k + r) % len(everybody)]
                done = one_pass(args, who, dtype, texts[work])
                print(f"{dtype} {work} {who.name}: {done['n_tokens']} tokens, {done['seconds']:.2f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
                passes[work, who.name].append(done)
    return passes


def rows_of(passes, dtype):
    rows = []
    for (work, name), runs in passes.items():
        ours = passes[work, "assay"]
        rates = [d["n_tokens"] / d["seconds"] for d in runs]
        row = {"work": work, "dtype": dtype, "who": name, "requests": len(runs[0]["answers"]), "tokens": runs[0]["n_tokens"], "tokens_per_s": spread(rates),
               "assay_ahead": spread([a["n_tokens"] / a["seconds"] / rate for a, rate in zip(ours, rates)]),
               "peak_rss_mb": max(d["peak_rss"] for d in runs) / 1e6,
               "same_texts": sum(x["text"] == y["text"] for x, y in zip(ours[0]["answers"], runs[0]["answers"]))}
        for what in ("first", "whole"):
            for part in (50, 99):
                row[f"{what}_p{part}_s"] = statistics.median(at([a[what] for a in d["answers"]], part / 100) for d in runs)
        rows.append(row)
    return rows


def table(said):
    out = ["| what | dtype | who | tokens a second (min to max) | Assay is ahead (min to max) | first text p50, p99 | whole p50, p99 | peak memory | same texts as Assay |",
           "|---|---|---|---|---|---|---|---|---|"]
    for r in said["rows"]:
        rate, ahead, other = r["tokens_per_s"], r["assay_ahead"], r["who"] != "assay"
        out.append(f"| {WORKS[r['work']][1]} | {r['dtype']} | {r['who']} | {rate['median']:.0f} ({rate['min']:.0f} to {rate['max']:.0f}) | "
                   + (f"{ahead['median']:.2f} times ({ahead['min']:.2f} to {ahead['max']:.2f})" if other else "")
                   + f" | {r['first_p50_s']:.2f}, {r['first_p99_s']:.2f} s | {r['whole_p50_s']:.2f}, {r['whole_p99_s']:.2f} s | {r['peak_rss_mb']:.0f} MB | "
                   + (f"{r['same_texts']} of {r['requests']}" if other else "") + " |")
    return "\n".join(out) + "\n"


def head(said):
    out = [f"# Models served on {said['processor']}, {said['threads']} threads", "",
           f"SmolLM2-135M-Instruct, {said['clients']} clients with {said['requests']} requests, greedy, streamed, at most {said['tokens']} tokens each; "
           f"{said['rounds']} rounds, {said['day']}, load average {said['load'][0]:.1f} before and {said['load'][1]:.1f} behind (the measurement's own included).",
           "`script/bench serve-model`; the head of script/bench_serve_model.py says how it is measured.", ""]
    return "\n".join(out + [f"Left out: {why}" for why in said["left_out"]]) + "\n"


def main():
    parse = argparse.ArgumentParser(usage=__doc__)
    parse.add_argument("assay")
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--threads", type=int, default=os.cpu_count())
    parse.add_argument("--tokens", type=int, default=64)
    parse.add_argument("--clients", type=int, default=16)
    parse.add_argument("--requests", type=int, default=48)
    parse.add_argument("--dtype", default="f32,bf16")
    parse.add_argument("--only", default=",".join(WORKS))
    parse.add_argument("--alone", action="store_true", help="Assay without the peer, for looking at it")
    parse.add_argument("--out", default="results/bench")
    args = parse.parse_args()
    if not model_folder("f32").exists():
        sys.exit("bench serve-model: the model is not here; 'script/bench generate --setup' makes it (needs $ASSAY_SHARED and a package index)")
    works = [w for w in WORKS if w in args.only.split(",")]
    left_out = [] if server_program().exists() else ["llama.cpp server: not set up here ('script/bench generate --setup')"]
    said = {"schema": "assay.bench.serve-model/1", "day": datetime.date.today().isoformat(), "processor": bench_host.slug(bench_host.cpuinfo()),
            "threads": args.threads, "tokens": args.tokens, "rounds": args.rounds, "clients": args.clients, "requests": args.requests,
            "load": [os.getloadavg()[0]], "left_out": left_out, "rows": []}
    for dtype in args.dtype.split(","):
        said["rows"] += rows_of(measure(args, dtype, works), dtype)
    said["load"].append(os.getloadavg()[0])
    print(table(said))
    path = Path(args.out) / f"serve-model-{said['processor']}-{args.threads}-threads"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n")
    path.with_suffix(".md").write_text(head(said) + "\n" + table(said))


if __name__ == "__main__":
    main()
