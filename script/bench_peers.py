"""Assay beside the programs that people use today, by the peer kit: the folder `bench` of $ASSAY_SHARED with its run.py, which runs
everybody in turn on the same inputs and says by how much who is ahead. Only peers that are installed take part; what is left out is
said, with the reason."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WORKS = {"w1": "2,048 short texts to vectors, all-MiniLM-L6-v2", "w2": "512 long texts to vectors, all-MiniLM-L6-v2",
         "w3": "200 questions with four texts, 0-shot, SmolLM2-135M", "w4": "100 questions with four letters, 5-shot, SmolLM2-135M",
         "w5": "60 questions with four texts, 25-shot, SmolLM2-135M", "w6": "20 MB of text in many languages to token ids",
         "w7": "start to first vector, all-MiniLM-L6-v2"}
# peer: modules that it is made of, works that it does
PEERS = {"st": (("sentence_transformers", "torch"), ("w1", "w2", "w7")), "ort": (("onnxruntime", "tokenizers"), ("w1", "w2", "w7")),
         "openvino": (("openvino", "tokenizers"), ("w1", "w2")), "hfprefix": (("transformers", "torch"), ("w3", "w4", "w5")),
         "lmeval": (("lm_eval", "torch"), ("w3", "w4", "w5")), "tokenizers": (("tokenizers",), ("w6",))}
NEVER = [{"who": who, "works": list(WORKS), "why": "not in the kit"} for who in ("llama.cpp", "vLLM", "text-embeddings-inference")]


def kit():
    return Path(os.environ.get("ASSAY_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "bench"


def home():
    return Path(os.environ.get("ASSAY_BENCH_HOME") or Path.home() / ".cache/assay-bench")


def missing_modules(names):
    """Of these, what the peers' Python has not."""
    ask = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if not importlib.util.find_spec(n)])"
    done = subprocess.run([home() / "venv/bin/python", "-c", ask, *names], stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


def installed(works):
    """Peers that can take part, and those of these works that can't."""
    missing = missing_modules(sorted({m for modules, _ in PEERS.values() for m in modules}))
    here, left_out = [], []
    for peer, (modules, does) in PEERS.items():
        wanted = [w for w in does if w in works]
        lacks = [m for m in modules if m in missing]
        if wanted and lacks:
            left_out.append({"who": peer, "works": wanted, "why": f"{', '.join(lacks)} not installed"})
        elif wanted:
            here.append(peer)
    return here, left_out


def nothing(why, works):
    return {"rows": [], "left_out": [{"who": "all peers", "works": list(works), "why": why}]}


def plain(text):
    """A message without the names of folders here."""
    return re.sub(r"(/[\w.+-]+)+/", "", text or "")


def failures(rows):
    return [{"who": f"{r['who']} {r['dtype']}", "works": [r["work"]], "why": plain(r["failure"])} for r in rows if r.get("failure")]


def measure(assay, works, dtypes, threads, rounds):
    """Rows of the kit, and what was left out."""
    if not (kit() / "run.py").exists():
        return nothing("the peer kit is not here: ASSAY_SHARED names the folder that has it", works)
    if not (home() / "venv/bin/python").exists():
        return nothing("no peers are set up here: the kit's setup.sh does it", works)
    peers, left_out = installed(works)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, kit() / "run.py", "--assay", assay, "--work", ",".join(works), "--peers", ",".join(peers) or "none",
                   "--dtype", ",".join(dtypes), "--threads", str(threads), "--rounds", str(rounds), "--gates", "--json", out]
        code = subprocess.run(command, check=False).returncode
        if not out.exists():
            return nothing(f"the kit ended with exit code {code} and no figures", works)
        said = json.loads(out.read_text())
    rows = said["rows"]
    skipped = [w for w in works if w not in {r["work"] for r in rows}]
    if skipped:
        left_out.append({"who": "all", "works": skipped, "why": "the run was interrupted"})
    for row in rows:
        row["failure"] = plain(row.get("failure")) or None
    return {"rows": rows, "gates": said.get("gates"), "left_out": left_out + failures(rows) + NEVER}
