"""How far bfloat16 is from the float32 references: Assay's and torch's, on the same ids, in one run.

A fixture's line has, for each of the two, the largest deviation and the root of the mean square over all numbers; the
figure to hold is at most twice torch's, in both."""
import json, math, subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tables import HERE, Table, figure

LIMIT = 2.0
POOLINGS = (("mean", "mean"), ("cls", "cls"), ("last", "lasttoken"), ("max", "max"))
WHAT = {"dec": "log-probabilities", "s2s": "log-probabilities of labels", "enc": "pooled vectors", "cls": "logits"}


class Failed(Exception):
    pass


def ask(options, arguments, requests):
    """The answers to requests, each of them without an error."""
    lines = "".join(json.dumps(dict(request, id=i)) + "\n" for i, request in enumerate(requests))
    run = subprocess.run([options.assay] + [str(a) for a in arguments] + ["--dtype", "bf16", "--device", options.device], input=lines,
                         capture_output=True, text=True, env=options.environment)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    trouble = next((a["error"] for a in answers if "error" in a), None)
    if run.returncode or trouble or len(answers) != len(requests):
        raise Failed(trouble or (run.stderr.strip() or "exit status %d" % run.returncode).splitlines()[-1])
    return answers


def score(options, folder, requests):
    return iter([answer["loglikelihood"] for answer in ask(options, ["score", folder], requests)])


# ---- a task: what is wanted of each sequence, what Assay says; a number that can't be asked of the same pass is None ----

def decoder(parity, options, folder, reference):
    """A length-dependent rotary embedding tells passes of different lengths apart, and the references ran whole sequences."""
    rotary = parity.rotary_by_length(parity.read(folder / "config.json"))
    wants, requests = [], []
    for row in reference["sequences"]:
        ids = row["ids"]
        wants.append(row["next_logprobs"] + parity.log_softmax(row["last_logits"]))
        choices = [[[token]] for token in ids[1:]] + [[[token] for token in range(len(row["last_logits"]))]]
        requests.append([parity.rotates_alike(rotary, len(ids), t + 1) and {"context_ids": ids[:t + 1], "choices_ids": c}
                         for t, c in enumerate(choices)])
    answers = score(options, folder, [request for row in requests for request in row if request])
    return wants, [[x for t, request in enumerate(row) for x in (
        next(answers) if request else [None] * (1 if t + 1 < len(row) else len(want) - t))] for want, row in zip(wants, requests)]


def seq2seq(parity, options, folder, reference):
    """Of every beginning of the labels, and so of each label."""
    rows = reference["sequences"]
    answers = score(options, folder, [{"context_ids": row["encoder_ids"], "choices_ids": [row["labels"][:k + 1] for k in range(len(row["labels"]))]}
                                      for row in rows])
    return [row["label_logprobs"] for row in rows], [[b - a for a, b in zip([0] + sums, sums)] for sums in answers]


def encoder(parity, options, folder, reference):
    wants, found = ([[] for _ in reference["sequences"]] for _ in range(2))
    for pooling, key in POOLINGS:
        answers = ask(options, ["embed", folder, "--pooling", pooling, "--no-normalize"], [{"ids": ids} for ids in reference["sequences"]])
        for s, answer in enumerate(answers):
            wants[s] += reference["batches"][0]["pooled"][key][s]
            found[s] += answer["embedding"]
    return wants, found


def classifier(parity, options, folder, reference):
    return reference["batches"][0]["logits"], [a["logits"] for a in ask(options, ["classify", folder], [{"ids": ids} for ids in reference["sequences"]])]


TASKS = {"dec": decoder, "s2s": seq2seq, "enc": encoder, "cls": classifier}


# ---- deviations ----

def deviation(wants, ours, peer):
    """{"count", "assay", "torch", "weights"}: the largest and the root mean square of each, over the numbers that all were asked for."""
    asked = [t for rows in zip(wants, ours, peer["numbers"], peer["weights"]) for t in zip(*rows, strict=True) if t[1] is not None]
    figures = {"count": len(asked)}
    for k, name in enumerate(("assay", "torch", "weights"), 1):
        off = [abs(t[0] - t[k]) for t in asked]
        if not off or not all(map(math.isfinite, off)):
            raise Failed(f"{name} gave a number that is not finite")
        figures[name] = {"largest": max(off), "rms": math.sqrt(sum(x * x for x in off) / len(off))}
    figures["ratio"] = {key: figures["assay"][key] / figures["torch"][key] for key in ("largest", "rms")}
    return figures


def compare(parity, options, folder, peer):
    reference = parity.read(folder / "reference.json")
    row = {"fixture": folder.name, "what": WHAT[reference["task"]]}
    if "reason" in peer:
        return dict(row, reason="torch: " + peer["reason"])
    try:
        wants, ours = TASKS[reference["task"]](parity, options, folder, reference["reference"])
        row.update(deviation(wants, ours, peer))
        row["within"] = max(row["ratio"].values()) <= LIMIT
    except Failed as error:
        row["reason"] = str(error)
    return row


def peers(options, root):
    """What torch says, or why it says nothing. ASSAY_TORCH_BF16 names a file where it was said already."""
    ready = options.environment.get("ASSAY_TORCH_BF16")
    if ready:
        return json.loads(Path(ready).read_text()), "not run"
    run = subprocess.run([options.python, HERE / "torch_bf16.py", root], capture_output=True, text=True, env=dict(options.environment, OMP_NUM_THREADS="1", ASSAY_TORCH_DEVICE="cuda" if options.device.startswith("cuda") else "cpu"))
    if run.returncode:
        return {"versions": {}, "models": {}}, run.stderr.strip().splitlines()[-1]
    return json.loads(run.stdout), "not run"


def table(parity, options):
    root = options.shared / "fixtures" / "models"
    peer, why = peers(options, root)
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda path: compare(parity, options, path.parent, peer["models"].get(path.parent.name, {"reason": why})),
                             sorted(root.glob("*/reference.json"))))
    held, missing = sum(row.get("within", False) for row in rows), sum("reason" in row for row in rows)
    text = Table("bfloat16 beside torch's", [
        "Deviation from the float32 references, the largest of a fixture's numbers and the root of their mean square, with `--dtype bf16`",
        "and with torch's `dtype=torch.bfloat16` (%s; eager attention), on the same ids in the same run. Held where both are at most"
        % (", ".join(f"{name} {version}" for name, version in peer["versions"].items()) or "not there"),
        "%g times torch's. *Weights alone*: the largest of a pass in float32 whose weights were rounded. All numbers: `bf16.json`." % LIMIT],
        ["fixture", "what was compared", "numbers", "Assay, largest", "torch, largest", "ratio", "Assay, rms", "torch, rms", "ratio", "weights alone", "held"],
        "llrrrrrrrrl")
    for row in rows:
        if "reason" in row:
            text.row(row["fixture"], row["what"], *["–"] * 8, "not run: " + row["reason"])
            continue
        cells = [x for key in ("largest", "rms") for x in (figure(row["assay"][key]), figure(row["torch"][key]), "%.2f" % row["ratio"][key])]
        text.row(row["fixture"], row["what"], row["count"], *cells, figure(row["weights"]["largest"]), "yes" if row["within"] else "**no**")
        if not row["within"] and row["weights"]["largest"] > LIMIT * row["torch"]["largest"]:
            text.notes.append("%s: weights rounded to bfloat16 are that far from the references by themselves, in a pass that rounds nothing else; "
                              "torch's further rounding happens to lead back." % row["fixture"])
    text.summary = "%d of %d fixtures held%s." % (held, len(rows), ", %d not run" % missing if missing else "")
    return text, {"schema": "assay.parity.bf16/1", "limit": LIMIT, "versions": peer["versions"], "rows": rows}, held == len(rows)
