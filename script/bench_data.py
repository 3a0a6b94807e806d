#!/usr/bin/env python3
"""Measures the readers of data sets on rows made here from WordNet's glosses, beside Python's own ways to the same rows.

usage: bench_data.py READ_DATA [--mb N] [--runs N]

Rounds are interleaved, and times are the processor's, so that what else the machine does counts little; they are min /
median / max, MB/s is of the file's bytes at the median. `rows` is the reader's own rows, `lua` the tables a task gets of them; `json.loads` a line at a
time, pyarrow and `datasets` (where they are installed) end at Arrow columns, `to_pylist` at rows."""
import argparse
import gzip
import json
import os
import platform
import random
import statistics
import subprocess
import tempfile
import time

try:
    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq
except ImportError:
    pa = None

GLOSSES = "/usr/share/wordnet/data.noun"


def rows(megabytes):
    with open(GLOSSES, encoding="latin-1") as f:
        glosses = [line.split("|", 1)[1].strip() for line in f if "|" in line]
    rng, size, i = random.Random(5), 0, 0
    while size < megabytes << 20:
        row = {"id": i, "url": f"https://example.org/{i}", "text": " ".join(rng.choices(glosses, k=rng.randrange(2, 12))),
               "choices": rng.choices(glosses, k=4), "label": rng.randrange(4), "score": rng.random(),
               "meta": {"lang": "en", "tokens": rng.randrange(500), "ok": True}}
        if i % 10 == 0:
            row["text"] += '\n"日本語のテキスト" γάμμα'
        size += len(json.dumps(row, ensure_ascii=False).encode())
        i += 1
        yield row


def write(folder, megabytes):
    paths = {end: os.path.join(folder, "rows." + end) for end in ("jsonl", "jsonl.gz", "csv", "parquet")}
    kept = []
    with open(paths["jsonl"], "w") as f, gzip.open(paths["jsonl.gz"], "wt", 6) as packed, open(paths["csv"], "w") as c:
        c.write("id,url,text,label\n")
        for row in rows(megabytes):
            line = json.dumps(row, ensure_ascii=False) + "\n"
            f.write(line)
            packed.write(line)
            c.write(f'{row["id"]},{row["url"]},"{row["text"].replace(chr(34), chr(34) * 2)}",{row["label"]}\n')
            kept.append(row) if pa else None
    if pa:
        pq.write_table(pa.Table.from_pylist(kept), paths["parquet"], compression="snappy")
    else:
        del paths["parquet"]
    return paths


def ours(program, mode, path):
    out = subprocess.run([program, mode, path], capture_output=True, text=True, check=True)
    return float(out.stderr.split()[-2])


def timed(function):
    started = time.process_time()
    function()
    return time.process_time() - started


def python_json(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        for line in f:
            json.loads(line)


def arrow_json(path):
    pj.read_json(path, read_options=pj.ReadOptions(use_threads=False))


def arrow_rows(path):
    for batch in pq.ParquetFile(path).iter_batches(2048):
        batch.to_pylist()


def datasets_json(path):
    import datasets
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        datasets.load_dataset("json", data_files=path, split="train", cache_dir=cache)


def python_csv(path):
    import csv
    with open(path, newline="") as f:
        for _ in csv.DictReader(f):
            pass


def cases(program, paths):
    """Name, file, function; the first of each file is what the others are set against."""
    for end in ("jsonl", "jsonl.gz"):
        yield end, "json.loads", lambda p: timed(lambda: python_json(p))
        yield end, "assay rows", lambda p: ours(program, "rows", p)
        yield end, "assay lua", lambda p: ours(program, "lua", p)
        if pa and end == "jsonl":
            yield end, "pyarrow.json, 1 thread", lambda p: timed(lambda: arrow_json(p))
            yield end, "datasets", lambda p: timed(lambda: datasets_json(p))
    yield "csv", "csv.DictReader", lambda p: timed(lambda: python_csv(p))
    yield "csv", "assay rows", lambda p: ours(program, "rows", p)
    if pa:
        yield "parquet", "pyarrow to_pylist", lambda p: timed(lambda: arrow_rows(p))
        yield "parquet", "assay rows", lambda p: ours(program, "rows", p)
        yield "parquet", "assay lua", lambda p: ours(program, "lua", p)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--mb", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write(folder, args.mb)
        table = list(cases(args.program, paths))
        times = [[] for _ in table]
        for _ in range(args.runs):
            for (end, _, run), seconds in zip(table, times):
                seconds.append(run(paths[end]))
        sizes = {end: os.path.getsize(path) / (1 << 20) for end, path in paths.items()}
        print(f"{platform.machine()}, {os.cpu_count()} processors, {args.runs} rounds\n")
        print("| file | MB | reader | CPU s (min / median / max) | MB/s | times the first |")
        print("|---|---|---|---|---|---|")
        first = {}
        for (end, name, _), seconds in zip(table, times):
            median = statistics.median(seconds)
            first.setdefault(end, median)
            print(f"| {end} | {sizes[end]:.0f} | {name} | {min(seconds):.2f} / {median:.2f} / {max(seconds):.2f} | "
                  f"{sizes[end] / median:.0f} | {first[end] / median:.1f} |")


main()
