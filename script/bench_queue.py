#!/usr/bin/env python3
"""Runs bench_queue in a scratch home and makes a table of what it measured.

usage: bench_queue.py PROGRAM [--jobs N] [--rounds N] [--round-s N] [--snapshot-s N] [--out DIR] [--table FILE.json]"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import bench_host


def prototype():
    shared = os.environ.get("ASSAY_SHARED", os.path.join(os.path.dirname(__file__), "..", "..", "shared"))
    path = os.path.join(shared, "reference", "queue-prototype.sql")
    return os.path.abspath(path) if os.path.exists(path) else None


def measure(program, args):
    home = tempfile.mkdtemp(prefix="assay-bench-", dir="/tmp")
    os.chmod(home, 0o755)  # root's cluster runs as somebody else
    try:
        reference = prototype()
        if not reference:
            print("bench: no reference prototype here (ASSAY_SHARED): ours alone", file=sys.stderr)
        more = ["--prototype", reference] if reference else []
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k not in ("ASSAY_DATABASE_URL", "DATABASE_URL")}
        done = subprocess.run([program, home, *args, *more], stdout=subprocess.PIPE, check=True, env=clean)
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def ms(latency):
    return f"{latency['p50_ms']:.2f} / {latency['p99_ms']:.2f} / {latency['max_ms']:.1f}" if latency["n"] else "none"


def rate(rounds):
    return f"{statistics.median(rounds):.0f} ({min(rounds):.0f} to {max(rounds):.0f})"


def times(rounds, base):
    each = sorted(a / b for a, b in zip(rounds, base))
    return f"{statistics.median(each):.2f} ({each[0]:.2f} to {each[-1]:.2f})"


def rate_rows(rates, server):
    for clients in sorted(rates, key=int):
        base = rates[clients].get("prototype")
        for how, rounds in rates[clients].items():
            spent = f"{statistics.median(server[clients][how]):.2f}" if server else "-"
            yield f"| {clients} | {how} | {rate(rounds)} | {times(rounds, base) if base else '-'} | {spent} |"


def snapshot_rows(snapshots):
    for name, s in snapshots.items():
        how = f"{name}, {s['clients']} client{'s' if s['clients'] > 1 else ''}" + (", 20 cycles/s" if s["pace_s"] else "")
        windows = [w for w in s["windows"] if w["open"]]
        last = windows[-1]["n"] / 10 if windows else 0
        yield (f"| {how} | {ms(s['before'])} | {ms(s['open'])} | {ms(s['second_minute_after'])} | "
               f"{s['windows'][0]['n'] / 10:.0f}, {last:.0f}, {s['windows'][-1]['n'] / 10:.0f} |")


def table(m):
    lines = [f"# The queue with {m['jobs']:,} jobs", "",
             f"`script/bench queue` on {os.cpu_count()} cores ({m['host']}), PostgreSQL's fsync and synchronous_commit on; {m['load']}.",
             "Ours finishes a job and claims the next in one call and one commit; \"claim and finish\" are the two calls apart. Both",
             "were run for a while and analysed before; a connection's first second is not counted."]
    if "pace" in m:
        lines += ["", "## At 20 cycles a second: p50 / p99 / max, ms", "", "| | claim | whole cycle |", "|---|---:|---:|"]
        lines += [f"| {how} | {ms(v['claim'])} | {ms(v['cycle'])} |" for how, v in m["pace"].items()]
    if "rates" in m:
        lines += ["", "## Cycles a second: median (range) of alternating rounds", "",
                  "| clients | | cycles/s | times the prototype | the server's time, ms a cycle |",
                  "|---:|---|---:|---:|---:|", *rate_rows(m["rates"], m.get("server_ms"))]
    if "waiters" in m:
        lines += ["", "## 100,000 retries wait until tomorrow: claim, ms", "", "| | before | with them |", "|---|---:|---:|"]
        lines += [f"| {how} | {ms(v['claim'])} | {ms(m['waiters']['with'][how]['claim'])} |"
                  for how, v in m["waiters"]["before"].items() if how != "prototype"]
    if "snapshot" in m:
        lines += ["", "## An idle snapshot is held, then ends: whole cycle, ms", "",
                  "| | before | while it is open | 50 to 70 s after | cycles/s before, at its end, a minute after |",
                  "|---|---:|---:|---:|---:|", *snapshot_rows(m["snapshot"])]
    return "\n".join(lines) + "\n"


def option(args, name, default):
    if name not in args:
        return default
    at = args.index(name)
    value = args[at + 1]
    del args[at:at + 2]
    return value


def main():
    program, *args = sys.argv[1:]
    out, given = option(args, "--out", "results/bench"), option(args, "--table", None)
    if given:
        with open(given, encoding="utf-8") as f:
            measured = json.load(f)
    else:
        before = os.getloadavg()[0]
        measured = measure(program, args)
        measured["host"] = bench_host.slug(bench_host.cpuinfo())
        measured["load"] = f"a load of {before:.0f} before it"
    text = table(measured)
    os.makedirs(out, exist_ok=True)
    base = os.path.join(out, f"queue-{measured['host']}-{os.cpu_count()}-cores")
    with open(base + ".json", "w", encoding="utf-8") as f:
        json.dump(measured, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(base + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
