"""What eight bits change: answers in bf16 and int8 beside those in f32, and the processor time that each takes, of Assay alone.

Vectors of short texts: the lowest cosine to the f32 vector, and how many texts get another nearest neighbour. Choices by
likelihood: how many questions get another answer, by likelihood and by likelihood per byte. Dtypes take turns on one thread;
the time is the least of a dtype's runs. Nothing here has a limit to hold: the board marks what int8 gives."""
import json, os, subprocess, tempfile

from tables import Table, figure

DTYPES = ("f32", "bf16", "int8")
WORKS = (  # name, verb, file of the texts, files that the model may have, rounds
    ("nearest neighbours", "embed", "w1_embed.jsonl", ("modules.json",), 2),
    ("choices", "score", "w3_choice_0shot.jsonl", ("SmolLM2-135M-Instruct.Q4_1.gguf",), 1),
)


class Failed(Exception):
    pass


def requests(path, verb):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    keep = (lambda r: {"id": r["id"], "text": r["text"]}) if verb == "embed" else \
        (lambda r: {"id": r["id"], "context": r["prompt"], "choices": r["choices"]})
    return "".join(json.dumps(keep(row)) + "\n" for row in rows)


def answers(options, verb, model, dtype, lines):
    """Of one run, and its user seconds."""
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as got:
        given.write(lines)
        given.seek(0)
        run = subprocess.Popen([options.assay, verb, str(model), "--dtype", dtype, "--device", "cpu", "--threads", "1"], stdin=given,
                               stdout=got, stderr=subprocess.DEVNULL, env=options.environment)
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if run.returncode:
            raise Failed(f"{verb} in {dtype}: exit status {run.returncode}")
        got.seek(0)
        return [json.loads(line) for line in got], used.ru_utime


def neighbours(np, truth, other):
    """The lowest cosine, the texts whose nearest neighbour is another one, and the share of the ten nearest that is the same."""
    tables = []
    for rows in (truth, other):
        x = np.array([row["embedding"] for row in rows])
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        near = x @ x.T
        np.fill_diagonal(near, -2)
        tables.append((x, np.argsort(-near, axis=1)[:, :10]))
    (x, a), (y, b) = tables
    same = np.mean([len(set(p) & set(q)) / 10 for p, q in zip(a.tolist(), b.tolist())])
    return {"lowest_cosine": float((x * y).sum(1).min()), "changed": int((a[:, 0] != b[:, 0]).sum()), "of": len(x), "top_10": float(same)}


def choices(np, truth, other):
    """The mean and the largest difference of a sum, and the questions whose best choice is another one."""
    best = lambda values: max(range(len(values)), key=values.__getitem__)
    by_byte = lambda row: [v / n for v, n in zip(row["loglikelihood"], row["bytes"])]
    apart = [abs(p - q) for a, b in zip(truth, other) for p, q in zip(a["loglikelihood"], b["loglikelihood"])]
    return {"mean": sum(apart) / len(apart), "largest": max(apart), "of": len(truth),
            "changed": sum(best(a["loglikelihood"]) != best(b["loglikelihood"]) for a, b in zip(truth, other)),
            "changed_by_byte": sum(best(by_byte(a)) != best(by_byte(b)) for a, b in zip(truth, other))}


def told(work, d):
    share = lambda n: f"{n} of {d['of']} ({100 * n / d['of']:.1f} %)"
    if work == "nearest neighbours":
        return f"lowest cosine {d['lowest_cosine']:.4f}, {share(d['changed'])} changed, {100 * d['top_10']:.1f} % of the ten nearest the same"
    return f"{share(d['changed'])} changed, {share(d['changed_by_byte'])} by byte; a sum differs by {figure(d['mean'])}, at most {figure(d['largest'])}"


def work_run(options, np, work):
    name, verb, file, wanted, rounds = work
    model = next((found for found in map(options.real_model, wanted) if found), None)
    texts = options.shared / "bench" / "workloads" / file
    if not model or not texts.exists():
        raise Failed(f"no {' or '.join(wanted) if not model else texts.name}")
    model, lines, rows, times = model if model.suffix == ".gguf" else model.parent, requests(texts, verb), {}, {}
    for _ in range(rounds):
        for dtype in DTYPES:
            rows[dtype], seconds = answers(options, verb, model, dtype, lines)
            times[dtype] = min(seconds, times.get(dtype, seconds))
    compare = neighbours if verb == "embed" else choices
    return [{"work": name, "dtype": dtype, "user_s": times[dtype], **(compare(np, rows["f32"], rows[dtype]) if dtype != "f32" else {})}
            for dtype in DTYPES]


def table(parity, options):
    text = Table("Eight bits beside full precision", [
        "What `--dtype bf16` and `--dtype int8` change of what `--dtype f32` answers, and the processor's seconds that each takes on one",
        "thread. *Nearest neighbours*: all-MiniLM-L6-v2 on 2,048 sentences. *Choices*: SmolLM2-135M-Instruct on 200 HellaSwag questions of",
        "four endings. Heads, routers, attention and norms are in bf16 in int8 too."],
        ["work", "dtype", "beside f32", "user seconds", "times bf16's speed"], "lllrr")
    document = []
    try:
        import numpy as np
        for work in WORKS:
            rows = work_run(options, np, work)
            bf16 = next(row["user_s"] for row in rows if row["dtype"] == "bf16")
            for row in rows:
                text.row(row["work"], row["dtype"], told(row["work"], row) if "of" in row else "", "%.2f" % row["user_s"],
                          "%.2f" % (bf16 / row["user_s"]))
            document += rows
    except (Failed, ImportError) as failure:
        text.summary = f"Not run: {failure}."
        return text, {"schema": "assay.parity.int8/1", "rows": document}, False
    changed = ["%.1f %% of %s" % (100 * row["changed"] / row["of"], row["work"]) for row in document if row["dtype"] == "int8"]
    text.summary = "int8 changes " + " and ".join(changed) + "."
    text.notes.append("A head in int8 too would move sums of likelihoods further (by 1.40 in place of 1.23 in the mean, on the first 60 questions), and "
                       "what a head gives decides between tokens that lie close: it stays in bf16. Sums of products in int8 are exact, so every "
                       "instruction set gives a product the same bits; attention between them doesn't, and a bit there becomes a whole step of 1/127 "
                       "in the next product, so results of two instruction sets lie about as far apart as int8 lies from f32.")
    return text, {"schema": "assay.parity.int8/1", "rows": document}, True
