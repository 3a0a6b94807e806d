"""Every fixture of a kind against its references: the kit's own check (tools/parity.py), a line a fixture."""
import json, subprocess, sys, tempfile
from pathlib import Path

from tables import Table, figure

TITLES = {"models": "Tiny models of every architecture", "st": "sentence-transformers folders and cross-encoders", "tokenizers": "Tokenizers",
          "gguf": "GGUF files", "chat": "Chat templates", "malformed": "Malformed files", "e2e": "lm-evaluation-harness and real models"}
KINDS = tuple(TITLES)
EXACT = "exact"
# Where the kit disagrees with itself; a line that fails is a line that fails, but this is why.
REFERENCES = {
    "llama2": "its rows 380 and from 384 on (pairs) have the text and offsets of plain tokenizer.json alone, where its other rows have those of "
              "transformers' class too, which differ (NOTES.md 1); Assay does as the class.",
    "mpnet": "row 399 (a pair) has the text of plain tokenizer.json alone, for which [UNK] is not special; for transformers' class, which the "
             "fixture's other rows follow, it is.",
    "qwen2-q4_k_m-mix": "the reference leaves out the biases of block 0, which the file has; all that it lists is equal.",
}


# ---- what a fixture's numbers are held to, as tools/parity.py does ----

def of_model(parity, folder):
    config, task = parity.read(folder / "config.json"), parity.read(folder / "reference.json")["task"]
    token = parity.LOGPROB_LOOSE if config.get("model_type") in parity.LOOSE_TYPES else parity.LOGPROB
    return {"dec": ("log-probabilities of tokens, choices and texts; greedy text", f"{token:g} a token"),
            "s2s": ("log-probabilities of labels behind a text", f"{token:g} a token"),
            "enc": ("vectors, four poolings, plain and of unit length", f"{parity.HIDDEN:g}; of unit length {parity.UNIT:g}"),
            "cls": ("logits of classes", f"{parity.LOGITS:g}")}[task]


def of_folder(parity, folder):
    if "pairs" in parity.read(folder / "reference.json"):
        return "logits and scores of pairs", f"{parity.LOGITS:g}"
    return "embeddings", f"{parity.HIDDEN:g}; of unit length {parity.UNIT:g}"


def of_gguf(parity, path):
    return "names, types, bits and sums of tensors; log-probabilities", f"bits exact; sums {parity.SUM_RELATIVE:g}; {parity.LOGPROB_GGUF:g} a token"


def of_end_to_end(parity, path):
    if not path.name.startswith("real-"):
        return "log-likelihoods, rolling ones, generated text", f"{parity.LOGPROB:g} a token"
    vectors = "MiniLM" in path.name
    return ("embeddings", f"{parity.UNIT:g}") if vectors else ("log-probabilities", f"{parity.LOGPROB_GGUF:g} a token")


def of_malformed(parity, path):
    manifest = {entry["file"]: entry for entry in parity.read(path.parents[len(path.parts) - path.parts.index("malformed") - 2] / "manifest.json")["items"]}
    entry = manifest["/".join(path.parts[path.parts.index("malformed") + 1:])]
    return f"{entry['what']}: {entry['expect']}", f"{parity.MALFORMED_SECONDS} s"


HELD_TO = {"models": of_model, "st": of_folder, "tokenizers": lambda parity, path: ("ids, offsets, text of ids, with and without special tokens", EXACT),
           "gguf": of_gguf, "chat": lambda parity, path: ("rendered text, errors", EXACT), "malformed": of_malformed, "e2e": of_end_to_end}


# ---- the run ----

def link_models(options, folder):
    """The real models, by the names that the kit knows them by, wherever they lie below --models."""
    for name in ("all-MiniLM-L6-v2", "SmolLM2-135M-Instruct.Q4_1.gguf"):
        found = options.real_model(name)
        if found:
            (folder / name).symlink_to(found)


def check(options, kind):
    with tempfile.TemporaryDirectory(prefix="parity-") as scratch:
        models, out = Path(scratch) / "models", Path(scratch) / "out.json"
        models.mkdir()
        link_models(options, models)
        subprocess.run([sys.executable, options.shared / "tools" / "parity.py", "--assay", options.assay, "--fixtures", options.shared / "fixtures",
                        "--kind", kind, "--models", models, "--device", options.device, "--jobs", str(options.jobs), "--json", out],
                       stdout=subprocess.DEVNULL, env=options.environment)
        return json.loads(out.read_text())


def outcome(row):
    if row["failed"]:
        return "**no**: %d failed; %s" % (row["failed"], row["failures"][0][:200])
    return "yes" if row["checks"] else "not run"


def table(parity, options, kind):
    rows = check(options, kind)
    text = Table(TITLES[kind], ["Checked by `tools/parity.py` of the kit, with `--dtype f32`. *Of it*: the number that came nearest to its tolerance, as a",
                                "share of it (a sum of n tokens has √n of a token's)."],
                 ["fixture", "what was compared", "checks", "worst deviation", "tolerance", "of it", "passed", "not asked"], "llrrlrll")
    for row in rows:
        row["what"], row["tolerance"] = HELD_TO[kind](parity, options.shared / "fixtures" / kind / row["name"])
        share = "–" if not row["share"] else "%.2g" % row["share"]
        text.row(row["name"], row["what"], row["checks"], figure(row["worst"]) if row["share"] else "–", row["tolerance"], share, outcome(row),
                 "; ".join(f"{reason} ({count})" for reason, count in row["skipped"].items() if count))
        if row["failed"] and row["name"] in REFERENCES:
            text.notes.append(f"{row['name']}: {REFERENCES[row['name']]}")
    passed, failed = (sum(bool(row[key]) and (key == "failed" or not row["failed"]) for row in rows) for key in ("checks", "failed"))
    text.summary = "%d of %d passed, %d failed, %d not run; %d checks." % (passed, len(rows), failed, len(rows) - passed - failed, sum(row["checks"] for row in rows))
    return text, {"schema": "assay.parity.fixtures/1", "kind": kind, "rows": rows}, failed == 0
