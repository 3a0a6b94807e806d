#!/usr/bin/env python3
"""Fills a database in a scratch home, builds its site, changes ten models, builds again, and makes a table of what that took.

usage: bench_site.py PROGRAM [--models N] [--tasks N] [--out DIR] [--scratch DIR] [--keep]"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import bench_host

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = {"full_s": 90, "again_s": 5, "rss_mb": 1000}


def environment(home):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k not in ("ASSAY_DATABASE_URL", "DATABASE_URL")}
    return {**clean, "ASSAY_HOME": home}


def run_sql(program, env, name, variables=()):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        text = "".join(f"\\set {k} {v}\n" for k, v in variables) + f.read()
    subprocess.run([program, "db", "psql"], input=text.encode(), stdout=subprocess.DEVNULL, check=True, env=env)


def used(path):
    s = os.statvfs(path)
    return (s.f_blocks - s.f_bfree) * s.f_frsize, s.f_files - s.f_ffree


class DiskWatch(threading.Thread):
    """The most that the file system held beyond what it held before."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.base, self.peak, self.over = path, used(path)[0], 0, threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            self.peak = max(self.peak, used(self.path)[0] - self.base)


def tree(path):
    """Files, bytes of them, and what they take on disk with their folders; a file that has several names counts once."""
    files, size, disk, seen = 0, 0, 0, set()
    for folder, _, names in os.walk(path):
        disk += os.lstat(folder).st_blocks * 512
        for name in names:
            st = os.lstat(os.path.join(folder, name))
            if st.st_ino not in seen:
                seen.add(st.st_ino)
                files, size, disk = files + 1, size + st.st_size, disk + st.st_blocks * 512
    return {"files": files, "bytes": size, "disk_bytes": disk}


def build(program, env, out, scratch, more):
    watch = DiskWatch(scratch)
    watch.start()
    began = time.monotonic()
    child = subprocess.Popen([program, "site", "build", "-o", out, *more], stdout=subprocess.PIPE, env=env)
    said = child.stdout.read().decode().strip()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    watch.over.set()
    watch.join()
    if child.returncode:
        sys.exit(f"bench: the build ended with {child.returncode}")
    print(f"bench: {took:.1f} s, {usage.ru_maxrss / 1e3:.0f} MB: {said}", file=sys.stderr)
    return {"wall_s": round(took, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2), "rss_mb": round(usage.ru_maxrss / 1e3, 1),
            "peak_disk_bytes": watch.peak, "said": said.split(": ", 1)[-1]}


def measure(o):
    home = tempfile.mkdtemp(prefix="assay-bench-", dir=o.scratch)
    os.chmod(home, 0o755)  # root's cluster runs as somebody else
    env, site = environment(home), os.path.join(home, "site")
    try:
        subprocess.run([o.program, "db", "init"], stdout=subprocess.DEVNULL, check=True, env=env)
        began = time.monotonic()
        run_sql(o.program, env, "bench_site.sql", (("models", o.models), ("tasks", o.tasks)))
        print(f"bench: a database of {o.models} models in {time.monotonic() - began:.0f} s", file=sys.stderr)
        measured = {"full": build(o.program, env, site, home, o.build), "site": tree(site)}
        run_sql(o.program, env, "bench_site_change.sql")
        measured["again"] = build(o.program, env, site, home, o.build)
        measured["unchanged"] = build(o.program, env, site, home, o.build)
        return measured
    finally:
        if not o.keep:
            subprocess.run([o.program, "db", "down"], stdout=subprocess.DEVNULL, check=False, env=env)
            shutil.rmtree(home, ignore_errors=True)


def row(what, b):
    return (f"| {what} | {b['wall_s']:.1f} | {b['cpu_s']:.1f} | {b['rss_mb']:.0f} | {b['peak_disk_bytes'] / 1e6:.0f} | {b['said']} |")


def table(m):
    site = m["site"]
    lines = [f"# A site of {m['models']:,} models and {m['tasks']} tasks", "",
             f"`script/bench site` on {os.cpu_count()} cores ({m['host']}), {m['load']}: {m['models'] * m['tasks']:,} standing runs in three",
             "suites, in a private cluster on the same machine (its memory is not counted, its time is in the wall time). Ten models were",
             "measured again between the first build and the second. Disk is what the file system held more at the most while the build ran.",
             "", "| build | wall, s | processor, s | peak memory, MB | disk, MB | it said |", "|---|---:|---:|---:|---:|---|",
             row("full", m["full"]), row("ten models changed", m["again"]), row("nothing changed", m["unchanged"]), "",
             f"The site: {site['files']:,} files, {site['bytes'] / 1e6:,.0f} MB, which take {site['disk_bytes'] / 1e6:,.0f} MB of disk."]
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--models", type=int, default=10000)
    p.add_argument("--tasks", type=int, default=60)
    p.add_argument("--out", default="results/bench")
    p.add_argument("--scratch", default="/tmp")
    p.add_argument("--keep", action="store_true", help="leave the database and the site where they are")
    p.add_argument("--build", action="append", default=[], metavar="OPTION", help="handed to `assay site build`, repeatable")
    o = p.parse_args()
    before = os.getloadavg()[0]
    measured = {"models": o.models, "tasks": o.tasks, "host": bench_host.slug(bench_host.cpuinfo()), "load": f"a load of {before:.0f} before it",
                **measure(o)}
    text = table(measured)
    os.makedirs(o.out, exist_ok=True)
    base = os.path.join(o.out, f"site-{measured['host']}-{os.cpu_count()}-cores")
    with open(base + ".json", "w", encoding="utf-8") as f:
        json.dump(measured, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(base + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
