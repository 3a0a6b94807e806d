#!/usr/bin/env python3
"""Measures the harness on a GPU beside the programs that people use there, on models with random weights that are made on the spot.

usage: bench_gpu.py ASSAY [--device cuda] [--python BIN] [--models DIR] [--texts DIR] [--workloads DIR] [--only PART,...] [--rounds N]
                    [--minutes N] [--workers N] [--tiny] [--out DIR]
       bench_gpu.py --plot FIGURES.json

Parts, in the order of what they are worth:
  encoder   texts of a few words to a page to vectors, BERT-large's shape, bf16; sentence-transformers in bf16 and f32
  mmlu-8B   57 subjects, 14,042 questions behind five examples, Llama's shape at 8B, bf16; three subjects for everybody
  cut       the same three subjects on its first four layers in f32, where accuracies must be equal
  more      of the first two: sentence-transformers compiled, lm-evaluation-harness itself, nothing shared, the models alone (assay bench)
  mmlu-1B   the questions on Llama's shape at 1B
  kit       the peer kit's W1 to W5 on models of the same shapes as its own (--workloads: its folder)

The rate that shares are of is a product of 8192^3 in bf16 by torch, right before and after each pass. A peer's best batch is found on
a few rows. Each pass and each part has a limit of time, and what was not measured is said with the reason. Figures go to
DIR/gpu-<device>.json and .md, and where gnuplot is to .svg (--plot makes it of a .json that came from elsewhere). --tiny: the same
on models of a few thousand weights, to try all of it on a processor."""
import argparse
import datetime
import json
import math
import os
import re
import shutil
import statistics
import sys
import tempfile

import bench_cpu
import bench_gpu_works as works
import bench_models
import bench_plot
import bench_weights
from bench_gpu_run import Assay, Clock, Failed, Memory, Peers, say

KEPT = 256  # rows whose answers are compared
FULL = {"encoder": "bert-large", "8B": "llama-8B", "1B": "llama-1B", "minilm": "encoder", "smollm2": "smollm2", "texts": 12000, "some": 2000,
        "longest": 24, "share": 1.0, "roof": 8192, "first": 2000, "embed_batches": [32, 64, 128, 256, 512], "score_batches": [8, 16, 32], "tried": 48}
TINY = {"encoder": "tiny-encoder", "8B": "tiny-grouped", "1B": "tiny-grouped", "minilm": "tiny-encoder", "smollm2": "tiny-grouped", "texts": 24, "some": 8,
        "longest": 4, "share": 0.01, "roof": 256, "first": 4, "embed_batches": [4, 8], "score_batches": [2], "tried": 4}


class Bench:
    def __init__(self, args):
        self.args, self.sizes, self.clock = args, TINY if args.tiny else FULL, Clock(60 * args.minutes)
        self.memory = Memory(args.device)
        self.assay, self.peers = Assay(args.assay, args.device, self.memory), Peers(args.python, args.device)
        self.rows, self.left_out, self.checks, self.roofs = [], [], [], []
        self.words, self.scratch = works.glosses(args.texts), tempfile.mkdtemp(prefix="assay-bench-gpu-")
        self.versions, self.title = {}, "unknown device"

    # ---- what all parts need ----

    def leave_out(self, who, work, why):
        say(f"  left out: {who} on {work}: {why}")
        self.left_out.append({"who": who, "works": [work], "why": plain(why)})

    def hello(self):
        try:
            said = self.peers.ask(self.clock.limit(120), do="hello")
            self.versions, self.title = said["versions"], said["device"]
        except Failed as problem:
            self.leave_out("all peers and the rate of products", "everything", str(problem))

    def roof(self):
        """TFLOP/s of bf16 products at this moment; None where there is no torch."""
        if not self.versions:
            return None
        try:
            said = self.peers.ask(self.clock.limit(60), do="roof", n=self.sizes["roof"])
        except Failed:
            return None
        self.roofs.append(said)
        return said["bf16"]

    def model(self, size):
        name = self.sizes[size]
        kind = "wordpiece" if bench_models.SHAPES[name][0] == "bert" else "bpe"
        folder = os.path.join(self.args.texts or "", kind)
        fits = os.path.isdir(folder) and not self.args.tiny
        return bench_weights.make(name, self.args.models, self.args.workers, folder if fits else None), name, fits

    def asked(self, rows, name, fits):
        """Rows as text where the model has a tokenizer, else as ids."""
        return rows if fits else works.in_ids(rows, bench_models.SHAPES[name][5])

    def file(self, rows):
        path = os.path.join(self.scratch, f"rows-{len(os.listdir(self.scratch))}")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row) + "\n" for row in rows)
        return path

    def put(self, **row):
        self.rows.append(row)
        rate = row["flops"] / min(row["seconds"]) / 1e12
        share = f", {row['share']:.0%} of the matmul rate" if row.get("share") else ""
        say(f"  {row['work']}: {row['who']} {row['dtype']}: {statistics.median(row['seconds']):.3g} s, {rate:.4g} TFLOP/s{share}")

    def share(self, flops, seconds, roofs):
        known = [r for r in roofs if r]
        return flops / seconds / 1e12 / statistics.mean(known) if known else None

    # ---- who does it ----

    def by_assay(self, work, pipeline, folder, dtype, rows, rounds=None, limit=240, flags=()):
        """Its passes as a row, and the answers of the last one."""
        passes, shares, answers = [], [], None
        try:
            for _ in range(rounds or self.args.rounds):
                before = self.roof()
                stats, answers = self.assay.run(pipeline, folder, dtype, rows, self.clock.limit(limit), *flags)
                passes.append(stats)
                shares.append(self.share(stats["flops"], stats["run_s"], (before, self.roof())))
        except Failed as problem:
            self.leave_out("assay " + dtype, work, str(problem))
        if not passes:
            return None, None
        last, known = passes[-1], [s for s in shares if s]
        self.put(work=work, who="assay" + "".join(" " + f for f in flags), dtype=dtype, seconds=[p["run_s"] for p in passes], load_s=last["load_s"],
                 wall_s=last["wall_s"], tokens_asked=last["tokens_asked"], tokens_computed=last["tokens_computed"], flops=last["flops"],
                 share=statistics.median(known) if known else None, shares=shares, peak_bytes=last["peak_bytes"], planned_bytes=last["memory_bytes"],
                 backend=last["backend"])
        return self.rows[-1], answers

    def by_peer(self, work, who, model, dtype, rows, ours, do, batches, limit=150, compiled=False, keep=KEPT, flops=None):
        """A peer's row, with how far ahead Assay's row `ours` on the same rows is; and its answers."""
        name, save = who + (" compiled" if compiled else ""), os.path.join(self.scratch, "saved")
        try:
            if not self.versions:
                raise Failed("there is no torch here")
            loaded = self.peers.ask(self.clock.limit(limit), do="load", who=who, model=model, dtype=dtype, compile=compiled)
            if "instead" in loaded:
                self.leave_out(f"{name} {dtype}", work, f"{loaded['why']}; {loaded['instead']} takes its place")
                name = name.replace(who, loaded["instead"])
            before = self.roof()
            said = self.peers.ask(self.clock.limit(limit), do=do, file=self.file(rows), batches=batches, first=max(self.sizes["tried"], max(batches)), save=save,
                                  rounds=1, keep=keep)
            share = self.share(flops or 0, min(said["seconds"]), (before, self.roof()))
        except Failed as problem:
            self.leave_out(f"{name} {dtype}", work, str(problem))
            return None
        finally:
            try:
                self.peers.ask(30, do="drop")
            except Failed:
                pass
        row = dict(work=work, who=name, dtype=dtype, seconds=said["seconds"], batch=said["batch"], tried=said["tried"], tokens_computed=said["computed"] or None,
                   flops=flops or 0, share=share, peak_bytes=said["peak_bytes"], ahead={})
        if ours:
            ratios = [min(said["seconds"]) / s for s in ours["seconds"]]
            row["ahead"] = {ours["dtype"]: {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}}
        self.put(**row)
        with open(save, encoding="utf-8") as f:
            return json.load(f)

    def check(self, what, value, wanted, ok):
        self.checks.append({"what": what, "value": value, "wanted": wanted, "ok": bool(ok)})
        say(f"  {'ok' if ok else 'NOT OK'}: {what}: {value} (wanted: {wanted})")

    def alone(self, work, model, kind, lengths):
        """`assay bench`: the model alone, without reading and writing lines; its best share of the rate of products."""
        try:
            roof = self.roof()
            text = self.assay.command("bench", model, "-w", kind, "-l", lengths, "-b", "64", "--rounds", "3", "--dtype", "bf16", "--device", self.args.device,
                                      "--json", limit=self.clock.limit(60))
        except Failed as problem:
            return self.leave_out("assay bench", work, str(problem))
        for r in json.loads(text)["results"]:
            flops, tokens = r["flops_per_s"]["median"], r["tokens_per_s"]["median"]
            self.rows.append({"work": f"{work}, {kind} {r['length']} x {r['batch']}", "who": "assay bench", "dtype": "bf16", "seconds": [r["length"] * r["batch"] / tokens],
                              "tokens_computed": r["length"] * r["batch"], "flops": flops * r["length"] * r["batch"] / tokens,
                              "share": flops / 1e12 / roof if roof else None})


def plain(text):
    """A message without the names of folders here."""
    return re.sub(r"(/[\w.+-]+)+/", "", text)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def finite(vectors):
    return all(math.isfinite(x) for v in vectors for x in v)


# ---- the parts ----

def texts_of(b):
    """(model, who the peer is, the texts)."""
    model, name, fits = b.model("encoder")
    rows = b.asked(works.passages(b.words, b.sizes["texts"], b.sizes["longest"]), name, fits)
    return model, "st" if fits else "encoder", rows


def encoder(b):
    model, who, rows = texts_of(b)
    some = rows[:b.sizes["some"]]
    ours, answers = b.by_assay("encoder", "embed", model, "bf16", some)
    b.by_assay("encoder, all", "embed", model, "bf16", rows)
    flops = ours["flops"] if ours else 0
    lists = b.sizes["embed_batches"]
    peer = b.by_peer("encoder", who, model, "bf16", some, ours, "embed", lists, flops=flops)
    exact = b.by_peer("encoder", who, model, "f32", some, ours, "embed", lists[:3], flops=flops)
    if answers and exact:
        vectors = [a["embedding"] for a in answers[:KEPT]]
        lowest = min(map(cosine, vectors, exact)) if finite(vectors) else math.nan
        theirs = min(map(cosine, peer, exact)) if peer else math.nan
        b.check("lowest cosine of vectors in bf16 with sentence-transformers' in f32", round(lowest, 6),
                f"1 - cosine at most twice that of its own bf16 ({theirs:.6f}), or 0.9995", lowest >= min(0.9995, 1 - 2 * (1 - theirs)))


def winners(scores):
    return [max(range(len(s)), key=s.__getitem__) for s in scores]


def accuracy(scores, rows):
    return sum(w == row["gold"] for w, row in zip(winners(scores), rows)) / len(rows)


def peer_flops(name, rows, spelled):
    """Of a pass that spells every question out once, its four letters grouped, with logits at every position."""
    lengths = [spelled / len(rows)] * len(rows)
    return works.flops(name, lengths, spelled)


def asked_once(ours):
    """Tokens of the contexts, each spelled out once: choices of one token each are four requests of one context."""
    return ours["tokens_asked"] / 4


def questions_of(b, size):
    """(model, its shape's name, what the work is called, all questions, three subjects' as they are asked and with what is right)."""
    model, name, fits = b.model(size)
    rows = works.mmlu(b.words, b.sizes["share"])
    return model, name, f"MMLU-shaped on {name}", b.asked(rows, name, fits), b.asked(works.few(rows), name, fits), works.few(rows)


def mmlu(b, size):
    model, name, work, asked, asked_some, some = questions_of(b, size)
    ours, answers = b.by_assay(work + ", 3 subjects", "score", model, "bf16", asked_some, rounds=min(2, b.args.rounds))
    spelled = asked_once(ours) if ours else 0
    theirs = b.by_peer(work + ", 3 subjects", "loop", model, "bf16", asked_some, ours, "score", b.sizes["score_batches"], keep=None,
                       flops=peer_flops(name, some, spelled) if spelled else 0)
    b.by_assay(work + ", all 57", "score", model, "bf16", asked, rounds=1)
    if answers and theirs:
        mine = [a["loglikelihood"] for a in answers]
        same = sum(x == y for x, y in zip(winners(mine), winners(theirs)))
        b.check(f"{work}: winners in bf16 that are the loop's in bf16", f"{same} of {len(some)}", "said, not held: both are rounded", True)


def more(b):
    """What says more of the first two parts, and is not needed for what they say."""
    model, who, rows = texts_of(b)
    some, short = rows[:b.sizes["some"]], "8" if b.args.tiny else "128,512"
    found = {(r["work"], r["who"]): r for r in b.rows}
    ours = found.get(("encoder", "assay"))
    b.alone("encoder", model, "embed", short)
    decoder, name, work, _, asked_some, _ = questions_of(b, "8B")
    b.by_assay(work + ", 3 subjects", "score", decoder, "bf16", asked_some, rounds=1, limit=90, flags=("--no-prefix-sharing",))
    if "context" in asked_some[0]:
        theirs = found.get((work + ", 3 subjects", "loop"), {})
        b.by_peer(work + ", 3 subjects", "lmeval", decoder, "bf16", asked_some, found.get((work + ", 3 subjects", "assay")), "score",
                  [theirs.get("batch") or b.sizes["score_batches"][0]], keep=0, flops=theirs.get("flops"))
    b.by_peer("encoder", who, model, "bf16", some, ours, "embed", b.sizes["embed_batches"][1:2], compiled=True, flops=ours and ours["flops"], limit=90, keep=0)
    b.alone(work, decoder, "rolling", short)


def cut(b):
    model, name, fits = b.model("8B")
    shallow = os.path.join(b.args.models, name + "-cut")
    shutil.rmtree(shallow, ignore_errors=True)
    b.assay.command("model", "truncate", model, shallow, "--layers", "4", limit=b.clock.limit(60))
    some = works.few(works.mmlu(b.words, b.sizes["share"]))
    asked, work = b.asked(some, name, fits), f"four layers of {name}, 3 subjects"
    ours, answers = b.by_assay(work, "score", shallow, "f32", asked, rounds=1)
    theirs = b.by_peer(work, "loop", shallow, "f32", asked, ours, "score", b.sizes["score_batches"][:2], keep=None)
    if not answers or not theirs:
        return
    mine = [a["loglikelihood"] for a in answers]
    if not finite(mine):
        return b.check(f"{work}: log-likelihoods", "not finite", "finite", False)
    off = max(abs(x - y) for m, t in zip(mine, theirs) for x, y in zip(m, t))
    accuracies = accuracy(mine, some), accuracy(theirs, some)
    b.check(f"{work}: accuracy in f32, Assay's and the loop's", "%.6f, %.6f" % accuracies, "equal", accuracies[0] == accuracies[1])
    b.check(f"{work}: largest difference of a log-likelihood in f32", float(f"{off:.3g}"), "at most 1e-3", off <= 1e-3)


def kit(b):
    for work in ("w1", "w2", "w3", "w4", "w5"):
        rows = works.kit(b.args.workloads, work)
        if rows is None:
            b.leave_out("everybody", work, "the peer kit's workloads are not here (--workloads)")
            continue
        embeds = work in ("w1", "w2")
        model, name, fits = b.model("minilm" if embeds else "smollm2")
        rows = b.asked(rows[:b.sizes["first"]] if b.args.tiny else rows, name, fits)
        do, who = ("embed", "st" if fits else "encoder") if embeds else ("score", "loop")
        ours, _ = b.by_assay(work, do, model, "bf16", rows, limit=60)
        b.by_assay(work, do, model, "f32", rows, rounds=1, limit=60)
        batches = b.sizes["embed_batches"] if embeds else [b.sizes["score_batches"][-1]]
        b.by_peer(work, who, model, "bf16", rows, ours, do, batches, limit=60, flops=ours["flops"] if ours and embeds else 0)


PARTS = {"encoder": encoder, "mmlu-8B": lambda b: mmlu(b, "8B"), "cut": cut, "more": more, "mmlu-1B": lambda b: mmlu(b, "1B"), "kit": kit}


# ---- what is written ----

def cell(value, form="{:,.4g}"):
    return "–" if value in (None, 0) else form.format(value)


def report(document):
    lines = [f"# {document['what']}", "", f"Commit {document['commit']}, {document['date']}. " + ", ".join(f"{k} {v}" for k, v in document["versions"].items())
             + ". Shares are of a product of 8192^3 in bf16 by torch, right before and after each pass. *Ahead*: the peer's seconds over Assay's on the same rows. "
             "A peer's TFLOP/s count nothing that is padded. All numbers: the .json beside this.", "",
             "| work | who | dtype | tokens asked | computed | s | tokens/s | TFLOP/s | share | batch | device memory, GB | Assay is ahead |",
             "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for r in document["rows"]:
        seconds = statistics.median(r["seconds"])
        ahead = next(iter((r.get("ahead") or {}).values()), None)
        lines.append(f"| {r['work']} | {r['who']} | {r['dtype']} | {cell(r.get('tokens_asked'), '{:,}')} | {cell(r.get('tokens_computed'), '{:,}')} | {seconds:.3g} "
                     f"| {cell(r.get('tokens_computed') and r['tokens_computed'] / seconds, '{:,.0f}')} | {cell(r['flops'] / seconds / 1e12)} | {cell(r.get('share'), '{:.0%}')} "
                     f"| {cell(r.get('batch'))} | {cell(r.get('peak_bytes') and r['peak_bytes'] / 1e9, '{:.2f}')} | {cell(ahead and ahead['median'], '{:.2f} times')} |")
    lines += ["", "## Answers", ""] + [f"- {'ok' if c['ok'] else '**not ok**'}: {c['what']}: {c['value']}; wanted: {c['wanted']}" for c in document["checks"]]
    lines += ["", "## Left out", ""] + [f"- {i['who']} on {', '.join(i['works'])}: {i['why']}" for i in document["left_out"]]
    return "\n".join(lines) + "\n"


def plot(document, path):
    script = bench_plot.ahead_script({"peers": {"rows": [r for r in document["rows"] if r.get("ahead")]}, "what": document["what"]})
    if script and shutil.which("gnuplot"):
        bench_plot.gnuplot(script, path)
        say(f"written: {path}")


def write(document, folder):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "gpu-" + document["device"])
    for ending, text in ((".json", json.dumps(document, indent=1) + "\n"), (".md", report(document))):
        with open(path + ending, "w", encoding="utf-8") as f:
            f.write(text)
    say(f"written: {path}.json, {path}.md")
    plot(document, path + ".svg")


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("nvidia", "")).strip("-") or "unknown"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assay", nargs="?")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--python", default=os.environ.get("ASSAY_PYTHON", sys.executable))
    parser.add_argument("--models", default="build/bench/gpu-models")
    parser.add_argument("--texts", default=".gpu/texts", help="what script/gpu-pack gathered: glosses and tokenizers")
    parser.add_argument("--workloads", default=os.path.join(os.environ.get("ASSAY_SHARED") or "../shared", "bench", "workloads"))
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--commit", default=None)
    parser.add_argument("--out")
    parser.add_argument("--plot", metavar="FIGURES.json")
    args = parser.parse_args()
    if unknown := [part for part in args.only.split(",") if part not in PARTS]:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(PARTS)}")
    if not args.plot and not args.assay:
        parser.error("ASSAY is the program to measure")
    args.out = args.out or ("build/bench/gpu-dry-run" if args.tiny else "results/bench")
    return args


def document_of(b):
    device = slug(b.title) if b.args.device.startswith("cuda") else "dry-run"
    roofs = [r["bf16"] for r in b.roofs]
    rate = f"bf16 products at {statistics.median(roofs):.4g} TFLOP/s" if roofs else "the rate of products was not measured"
    return {"schema": "assay.bench-gpu/1", "device": device, "title": b.title, "what": f"{b.title}, {rate}", "commit": b.args.commit or bench_cpu.commit(),
            "date": f"{datetime.date.today()}", "rounds": b.args.rounds, "versions": b.versions, "roofs": b.roofs, "rows": b.rows, "checks": b.checks,
            "left_out": b.left_out}


def main():
    args = arguments()
    if args.plot:
        with open(args.plot, encoding="utf-8") as f:
            return plot(json.load(f), args.plot.removesuffix(".json") + ".svg")
    b = Bench(args)
    try:
        b.hello()
        for part in args.only.split(","):
            say(f"{part}, {b.clock.left():.0f} s left")
            try:
                PARTS[part](b)
            except Failed as problem:
                b.leave_out("everybody", part, str(problem))
            write(document_of(b), args.out)  # after each part: whoever ends it early has what was done
    finally:
        b.peers.close()
        shutil.rmtree(b.scratch, ignore_errors=True)
    print(report(document_of(b)))
    sys.exit(not all(c["ok"] for c in b.checks))


if __name__ == "__main__":
    main()
