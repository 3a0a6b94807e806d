"""Those who take part in script/bench gpu: the device's gauges, Assay in a process a run, and the process of the peers, each with a
limit of time."""
import ctypes
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time

import bench_gpu_works as works

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    pass


class Clock:
    """What is left of the time that all of it may take."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def limit(self, seconds):
        if self.left() < 2:
            raise Failed("no time was left")
        return min(seconds, self.left())


class Memory:
    """Bytes in use on the device by NVML, beyond those in use when it was made; the most seen between two looks."""

    def __init__(self, device):
        self.used = lambda: None
        self.most, self.base, self.stop = 0, 0, threading.Event()
        if device.startswith("cuda"):
            try:
                self.open(int(device[5:] or 0))
            except (OSError, AttributeError, Failed):
                return
            threading.Thread(target=self.watch, daemon=True).start()

    def open(self, index):
        nvml, handle, info = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            raise Failed("no NVML")
        self.used = lambda: info[2] if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(info)) == 0 else None
        self.base = self.used() or 0

    def watch(self):
        while not self.stop.wait(0.05):
            self.most = max(self.most, self.used() or 0)

    def begin(self):
        self.most, self.base = 0, self.used() or 0

    def peak(self):
        return self.most - self.base if self.most else None


class Assay:
    def __init__(self, binary, device, memory):
        self.binary, self.device, self.memory = os.path.abspath(binary), device, memory

    def command(self, *words, limit):
        try:
            done = subprocess.run([self.binary, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"it took longer than {limit:.0f} s")
        if done.returncode:
            raise Failed((done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300])
        return done.stdout

    def run(self, pipeline, model, dtype, rows, limit, *flags):
        """(statistics with wall_s and peak_bytes, answers) of one pass over the rows."""
        with tempfile.TemporaryDirectory() as folder:
            stats, asked, said = (os.path.join(folder, name) for name in ("stats", "asked", "said"))
            with open(asked, "w", encoding="utf-8") as f:
                f.writelines(json.dumps(works.request(row)) + "\n" for row in rows)
            self.memory.begin()
            start = time.monotonic()
            with open(asked, "rb") as stdin, open(said, "wb") as stdout:
                command = [self.binary, pipeline, model, "--device", self.device, "--dtype", dtype, "--stats", stats, "--no-progress", *flags]
                try:
                    done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=limit)
                except subprocess.TimeoutExpired:
                    raise Failed(f"it took longer than {limit:.0f} s")
            wall = time.monotonic() - start
            if done.returncode:
                raise Failed((done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300])
            with open(stats, encoding="utf-8") as f, open(said, encoding="utf-8") as g:
                return {**json.load(f), "wall_s": wall, "peak_bytes": self.memory.peak()}, [json.loads(line) for line in g]


class Peers:
    """Their process, started when it is first asked and again after it died or took too long."""

    def __init__(self, python, device):
        self.python, self.device, self.process, self.loaded = python, device, None, None

    def start(self):
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen([self.python, os.path.join(HERE, "bench_gpu_peers.py"), "--device", self.device], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=lambda stream, lines: [lines.put(line) for line in stream] and None or lines.put(None),
                         args=(self.process.stdout, self.lines), daemon=True).start()

    def last_words(self):
        self.log.seek(0)
        return (self.log.read().strip().splitlines() or ["no message"])[-1][:300]

    def ask(self, limit, **what):
        if self.process is None:
            self.start()
        try:
            print(json.dumps(what), file=self.process.stdin, flush=True)
            line = self.lines.get(timeout=limit)
        except (queue.Empty, BrokenPipeError):
            line = None
            reason = f"it took longer than {limit:.0f} s" if self.process.poll() is None else self.last_words()
        else:
            reason = None if line else self.last_words()
        if line is None:
            self.close()
            raise Failed(reason)
        answer = json.loads(line)
        if "failure" in answer:
            raise Failed(answer["failure"])
        return answer

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def say(text):
    print(text, file=sys.stderr, flush=True)
