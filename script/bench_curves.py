#!/usr/bin/env python3
"""Curves of cost: tokens a second and the share of the processor's limit against texts at a time, tokens of context, and size of the
model, on models with random weights; and where a curve falls off.

usage: bench_curves.py ASSAY [--runs N] [--threads N] [--dtype f32,bf16] [--sizes 10M,30M,100M,300M,1B] [--context SIZE]
                       [--lengths 128,...,8192] [--models FOLDER] [--out FOLDER]

Each curve is one `assay bench`, whose cases take their turns in every round. A cliff is a point whose share of the limit, or of the
memory's speed where tokens are generated, is less than two thirds of the point's before it; it is said, and stays in the figures.
Everything goes to FOLDER/curves-<processor>-<threads>-threads.json and .svg (default: results/bench)."""
import argparse
import datetime
import json
import os
import subprocess
import sys

import bench_cpu
import bench_host
import bench_models
import bench_plot

CLIFF = 2 / 3
BATCHES, SHORT, MADE = "1,2,4,8,16,32,64", 16, 16


def bench(args, model, *flags):
    """Rows of `assay bench`."""
    folder = os.path.abspath(bench_models.make(model, args.models))
    print(f"{model}: {' '.join(flags)}", file=sys.stderr)
    done = subprocess.run([args.assay, "bench", folder, "--dtype", args.dtype, "-j", str(args.threads), "-r", str(args.runs), "--json", *flags],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["results"]


def point(row, x):
    pick = lambda name: {k: row[name][k] for k in ("min", "median", "max")}
    names = ("tokens_per_s", "flops_per_s", "share_of_limit", "share_of_bandwidth")
    return {"x": x, **{name: pick(name) for name in names if row[name]["median"] is not None}}


def curve(panel, label, rows, x_of, measure="tokens_per_s"):
    """A line a dtype."""
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        points = [point(row, x_of(row)) for row in rows if row["dtype"] == dtype]
        panel["curves"].append({"name": f"{label} {dtype}".strip(), "measure": measure, "points": points})


def by_batch(args):
    panel = {"x": "texts at a time", "y": "tokens/s", "log_y": True, "low": "*", "curves": []}
    x_of = lambda row: row["batch"]
    encoder, decoder = ("tiny-encoder", "tiny") if args.context == "tiny" else ("encoder", args.context)
    curve(panel, f"embed, {SHORT} tokens,", bench(args, encoder, "-w", "embed", "-l", str(SHORT), "-b", BATCHES), x_of)
    curve(panel, f"score, {SHORT} tokens, {decoder},", bench(args, decoder, "-w", "score", "-l", str(SHORT), "-b", BATCHES), x_of)
    curve(panel, f"generate, {decoder},", bench(args, decoder, "-w", "generate", "-l", "128", "-n", str(MADE), "-b", BATCHES), x_of)
    return panel


def by_context(args):
    panel = {"x": "tokens of context", "y": "tokens/s", "log_y": True, "low": "*", "curves": []}
    x_of = lambda row: row["length"]
    for work, flags in (("score", ()), ("generate", ("-n", str(MADE)))):
        curve(panel, f"{work}, {args.context},", bench(args, args.context, "-w", work, "-l", args.lengths, "-b", "1", *flags), x_of)
    return panel


def by_size(args):
    panel = {"x": "parameters, millions", "y": "share of the limit", "curves": []}
    rows = [row for size in args.sizes.split(",") for row in bench(args, size, "-w", "score", "-l", "128", "-b", "1,8")]
    for batch in (1, 8):
        curve(panel, f"score, {batch} x 128,", [r for r in rows if r["batch"] == batch], lambda row: row["parameters"] / 1e6, "share_of_limit")
    return panel


def height(p):
    """What must not fall: how much of what the machine gives is used."""
    return max(p.get(name, {}).get("median", 0) for name in ("share_of_limit", "share_of_bandwidth"))


def cliffs_of(panels):
    for panel in panels:
        for line in panel["curves"]:
            for before, after in zip(line["points"], line["points"][1:]):
                if height(after) < CLIFF * height(before):
                    yield {"curve": line["name"], "over": panel["x"], "from": before["x"], "to": after["x"],
                           "share_before": round(height(before), 3), "share_after": round(height(after), 3)}


def drawn(panel):
    lines = {c["name"]: [(p["x"], p[c["measure"]]["median"], p[c["measure"]]["min"], p[c["measure"]]["max"]) for p in c["points"]]
             for c in panel["curves"]}
    return {**panel, "lines": lines}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("assay")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", default="f32,bf16")
    parser.add_argument("--sizes", default="10M,30M,100M,300M,1B")
    parser.add_argument("--context", default="100M", metavar="SIZE", help="which model the other curves are of")
    parser.add_argument("--lengths", default="128,256,512,1024,2048,4096,8192")
    parser.add_argument("--models", default="build/bench/models")
    parser.add_argument("--out", default="results/bench")
    args = parser.parse_args()
    if unknown := [s for s in [*args.sizes.split(","), args.context] if s not in bench_models.SHAPES]:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(bench_models.SHAPES)}")
    return args


def main():
    args = arguments()
    host, panels = bench_host.slug(bench_host.cpuinfo()), [by_batch(args), by_context(args), by_size(args)]
    cliffs = list(cliffs_of(panels))
    what = f"{bench_cpu.processor()} ({host}), {args.threads} threads, median of {args.runs} rounds, least and greatest"
    document = {"schema": "assay.bench-curves/1", "processor": host, "threads": args.threads, "rounds": args.runs, "commit": bench_cpu.commit(),
                "date": f"{datetime.date.today()}", "what": what, "panels": panels, "cliffs": cliffs}
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, f"curves-{host}-{args.threads}-threads")
    with open(path + ".json", "w", encoding="utf-8") as f:
        f.write(json.dumps(document, indent=1) + "\n")
    bench_plot.gnuplot(bench_plot.curve_script([drawn(p) for p in panels], what), path + ".svg")
    print(f"written: {path}.json, {path}.svg")
    print("cliffs:" if cliffs else "no cliffs")
    for c in cliffs:
        print(f"- {c['curve']} over {c['over']}, from {c['from']:g} to {c['to']:g}: {c['share_before']:.0%} of the limit, then {c['share_after']:.0%}")


if __name__ == "__main__":
    main()
