#!/usr/bin/env python3
"""Measures the harness on workloads made here from WordNet's glosses, so that anybody can make the same ones; the ranking of a
corpus for many queries on vectors of noise; and all of the peer kit's works beside the peers that are installed (bench_peers.py).

usage: bench_cpu.py ASSAY MODELS [--runs N] [--threads N] [--dtype f32,bf16] [--only embed,neighbours,w1,w7] [--out FOLDER]

Each workload runs several times in turn with the others. Beside it, on its first few requests, the same with every request
computed by itself: what the tree saves, measured in the same round. Prints tables; times are spreads, min / median / max. All that
was measured goes to FOLDER/cpu-<processor>-<threads>-threads.json, and how far ahead of the peers Assay is to a picture of that
name: into results/bench when everything was run, else only where --out says."""
import argparse
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

import bench_host
import bench_peers
import bench_plot

GLOSSES = "/usr/share/wordnet/data.noun"
MINILM, SMOLLM = "sentence-transformers/all-MiniLM-L6-v2", "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF"


def glosses():
    with open(GLOSSES, encoding="latin-1") as f:
        rows = (line for line in f if "|" in line)
        return [(row.split()[4].replace("_", " "), row.split("|", 1)[1].strip()) for row in rows][:9000:3]


def embed_short(words, rng):
    texts = [gloss for _, gloss in words[:1500]]
    return [{"id": i, "text": t} for i, t in enumerate(texts + rng.sample(texts, 300))]


def question(words, i, rng):
    wrong = rng.sample([j for j in range(len(words)) if j != i], 3)
    choices = [words[j][1][:70] for j in [i] + wrong]
    rng.shuffle(choices)
    return words[i][0], choices


def choice_zero_shot(words, rng):
    out = []
    for i in range(60):
        word, choices = question(words, i, rng)
        out.append({"id": i, "context": f"Question: What is '{word}'?\nAnswer:", "choices": [" " + c for c in choices]})
    return out


def letters(words, i, rng):
    word, choices = question(words, i, rng)
    return f"What is '{word}'?\n" + "".join(f"{k}. {c}\n" for k, c in zip("ABCD", choices)) + "Answer:"


def choice_letters(words, rng):
    out = []
    for subject in range(4):
        base = 1000 + 100 * subject
        shots = "".join(f"{letters(words, base + s, rng)} {rng.choice('ABCD')}\n\n" for s in range(5))
        head = f"The following are multiple choice questions about subject {subject}.\n\n{shots}"
        for i in range(15):
            out.append({"id": len(out), "context": head + letters(words, base + 10 + i, rng), "choices": [" A", " B", " C", " D"]})
    return out


def choice_many_shots(words, rng):
    shots = "".join(f"Question: What is '{w}'?\nAnswer: {g}\n\n" for w, g in words[2000:2025])
    return [{**r, "context": shots + r["context"]} for r in choice_zero_shot(words[100:], rng)[:40]]


# name: what it is, pipeline, model, maker, requests of the comparison without sharing (0: none)
WORKS = {
    "embed": ("1,800 glosses, a sixth of them twice", "embed", MINILM, embed_short, 0),
    "0-shot": ("60 questions, 4 texts each", "score", SMOLLM, choice_zero_shot, 12),
    "5-shot": ("4 subjects x 15 questions, 4 letters each", "score", SMOLLM, choice_letters, 4),
    "25-shot": ("40 questions behind one preamble, 4 texts each", "score", SMOLLM, choice_many_shots, 2),
}


def run(assay, models, work, requests, dtype, threads, *flags):
    _, pipeline, model, _, _ = WORKS[work]
    with tempfile.TemporaryDirectory() as folder:
        stats, lines = os.path.join(folder, "stats"), "".join(json.dumps(r) + "\n" for r in requests)
        subprocess.run([assay, pipeline, os.path.join(models, model), "--device", "cpu", "--dtype", dtype, "--threads", str(threads),
                        "--stats", stats, "--no-progress", *flags],
                       input=lines.encode(), stdout=subprocess.DEVNULL, check=True)
        with open(stats) as f:
            return json.load(f)


def spread(values, digits=3):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:.{digits}g} / {middle:.{digits}g} / {high:.{digits}g}"


def processor():
    return bench_host.fields(bench_host.cpuinfo()).get("model name", bench_host.slug(bench_host.cpuinfo()))


def report(dtype, work, passes, pairs):
    last = passes[-1]
    saved = [alone["run_s"] / shared["run_s"] for shared, alone in pairs]
    return (f"| {work} | {dtype} | {last['tokens_asked']:,} | {last['tokens_computed']:,} | {last['tokens_padded']} "
            f"| {spread([p['tokens_computed'] / p['run_s'] for p in passes])} | {spread([p['flops'] / p['run_s'] / 1e9 for p in passes])} "
            f"| {spread(saved) if saved else '–'} | {last['memory_bytes'] / 2**20:.0f} | {max(p['peak_rss_bytes'] for p in passes) / 2**20:.0f} |")


def neighbours(assay, rounds, threads):
    """The best 1,000 of 1,000,000 vectors for each of 1,000; its program lies beside assay."""
    program = os.path.join(os.path.dirname(assay), "bench_neighbours")
    env = dict(os.environ, ASSAY_THREADS=str(threads))
    done = subprocess.run([program, "1000000", "384", "1000", "1000", str(rounds)], stdout=subprocess.PIPE, env=env, check=True)
    r = json.loads(done.stdout)
    of = lambda field, by=1.0: spread([one[field] / by for one in r["rounds"]])
    print(f"\nneighbours: the best {r['k']:,} of {r['docs']:,} vectors of {r['width']} for each of {r['queries']:,} queries, f32, "
          f"{r['unit']}, {r['threads']} threads. The limit is the fastest product in the caches, measured in the same round; "
          "shares of it on the wall, and of processor time, which other work on the machine disturbs less.\n")
    print("| s | processor s | GFLOP/s | limit, GFLOP/s | share | share of processor time | peak RSS, MiB |\n|---|---|---|---|---|---|---:|")
    print(f"| {of('seconds')} | {of('cpu_seconds')} | {of('flops', 1e9)} | {of('limit', 1e9)} | {of('share')} | {of('share_of_cpu')} "
          f"| {r['peak_rss_bytes'] / 2**20:.0f} |")
    return r


def pipelines(args, works):
    rng, words = random.Random(7), glosses()
    requests = {work: WORKS[work][3](words, rng) for work in works}
    passes, pairs = {}, {}
    for _ in range(args.runs):
        for dtype in args.dtype.split(","):
            for work, (_, _, _, _, few) in works.items():
                call = lambda some, *flags: run(args.assay, args.models, work, some, dtype, args.threads, *flags)
                passes.setdefault((dtype, work), []).append(call(requests[work]))
                if few:
                    some = requests[work][:few]
                    pairs.setdefault((dtype, work), []).append((call(some), call(some, "--no-prefix-sharing")))
    backend = passes[next(iter(passes))][0]["backend"]
    print(f"{processor()}, {args.threads} threads, {backend}, {args.runs} rounds. Spreads are min / median / max.\n")
    for work, (what, _, model, _, few) in works.items():
        print(f"- **{work}**: {what}; {model}" + (f"; 'against alone' on the first {few} requests." if few else "."))
    print("\n| work | dtype | tokens asked | computed | padded | tokens/s | GFLOP/s | against alone, times | memory planned, MiB | peak RSS, MiB |")
    print("|---|---|---:|---:|---:|---|---|---|---:|---:|")
    for (dtype, work), some in passes.items():
        print(report(dtype, work, some, pairs.get((dtype, work), [])))
    return [{"work": work, "what": works[work][0], "model": works[work][2], "dtype": dtype, "passes": some,
             "shared_and_alone": pairs.get((dtype, work), [])} for (dtype, work), some in passes.items()]


def commit():
    """Of the sources that were built, with a mark where they were changed since."""
    ask = lambda *words: subprocess.run(["git", *words], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return (ask("rev-parse", "--short=9", "HEAD") or "unknown") + ("+" if ask("status", "--porcelain", "--untracked-files=no") else "")


def write(document, folder):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"cpu-{document['processor']}-{document['threads']}-threads")
    with open(path + ".json", "w", encoding="utf-8") as f:
        f.write(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten: {path}.json", file=sys.stderr)
    script = bench_plot.ahead_script(document)
    if script:
        bench_plot.gnuplot(script, path + ".svg")
        print(f"written: {path}.svg", file=sys.stderr)


def say_left_out(left_out):
    print("\nleft out:")
    for item in left_out:
        print(f"- {item['who']} on {', '.join(item['works'])}: {item['why']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("assay")
    parser.add_argument("models")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", default="f32,bf16")
    every = [*WORKS, "neighbours", *bench_peers.WORKS]
    parser.add_argument("--only", default=",".join(every))
    parser.add_argument("--out", help="where figures are written (default: results/bench, for a run of everything)")
    args = parser.parse_args()
    only = args.only.split(",")
    if unknown := [work for work in only if work not in every]:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(every)}")
    document = {"schema": "assay.bench-cpu/1", "processor": bench_host.slug(bench_host.cpuinfo()), "model_name": processor(),
                "threads": args.threads, "rounds": args.runs, "commit": commit(), "date": f"{datetime.date.today()}"}
    document["what"] = f"{document['model_name']} ({document['processor']}), {args.threads} threads, median of {args.runs} rounds, lowest and highest"
    if any(work in WORKS for work in only):
        document["own"] = pipelines(args, {work: what for work, what in WORKS.items() if work in only})
    if "neighbours" in only:
        document["neighbours"] = neighbours(args.assay, args.runs, args.threads)
    works = [work for work in bench_peers.WORKS if work in only]
    document["peers"] = bench_peers.measure(args.assay, works, args.dtype.split(","), args.threads, args.runs) if works else {"rows": [], "left_out": []}
    left_out = document["peers"]["left_out"] + [{"who": "all", "works": [work], "why": "not asked for"} for work in every if work not in only]
    document["left_out"] = left_out
    say_left_out(left_out)
    folder = args.out or ("results/bench" if set(only) == set(every) else None)
    if folder:
        write(document, folder)


if __name__ == "__main__":
    main()
