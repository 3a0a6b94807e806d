"""Embedding scores beside those that mteb's own task code gave on the data at hand, and those that were published.

The kit's golden/embedding/ has a file a task, hub/ the data. A task that this program can't run is listed with the reason."""
import glob, json, os, subprocess

from tables import TOP, Table

TOLERANCES = {"Clustering": 0.01}       # depends on draws and on k-means; everything else:
TOLERANCE = 0.001
MODEL = "all-MiniLM-L6-v2"              # that the references are of
OWN = TOP / "tests" / "tasks"           # of tasks that the library does not have


def evaluate(options, name, subsets):
    """The result of `assay eval`, or why there is none."""
    own, model = OWN / (name + ".lua"), options.real_model(MODEL)
    if not model:
        return None, "%s not given (--models)" % MODEL
    command = [options.assay, "eval", str(model), "-t", str(own) if own.exists() else name, "--hub", str(options.shared / "hub"), "--dtype", "f32",
               "--device", options.device, "--no-db", "--no-cache", "--json"] + (["--subset", ",".join(subsets)] if len(subsets) > 1 else [])
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=options.environment)
    if run.returncode:
        try:
            return None, json.loads(run.stdout)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            return None, run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "exit status %d" % run.returncode
    return json.loads(run.stdout)["results"][0], None


def compare(options, reference):
    name, scores, rows = reference["task"], reference["scores"], []
    subsets = list(next(iter(scores.values())))
    result, why = evaluate(options, name, subsets)
    if not result:
        return [{"task": name, "reason": why}], None
    several = len(scores) > 1 or len(subsets) > 1
    for split in scores:
        for subset, want in scores[split].items():
            part = result if not several else result.get("subsets", {}).get(
                subset if len(scores) == 1 else "%s/%s" % (split, subset), {})
            ours = (part.get("metrics", {}).get(result["main"]) or {}).get("value")
            published = reference.get("published", {}).get("scores", {}).get(split, {}).get(subset, {}).get("main_score")
            tolerance = next((t for word, t in TOLERANCES.items() if word in name), TOLERANCE)
            off = None if ours is None else ours - want["main_score"]
            rows.append({"task": name, "split": split, "subset": subset, "metric": result["main"], "assay": ours,
                         "reference": want["main_score"], "published": published, "off_reference": off,
                         "off_published": None if ours is None or published is None else ours - published,
                         "tolerance": tolerance, "within": off is not None and abs(off) <= tolerance})
    return rows, {key: result.get(key) for key in ("task", "version", "task_sha256", "data_sha256", "harness_build", "device",
                                                   "dtype", "backend")}


# ---- the table ----

def number(value, sign=False):
    return "–" if value is None else ("%+.6f" if sign else "%.6f") % value


def worst(rows, key):
    known = [row[key] for row in rows if row[key] is not None]
    return max(known, key=abs) if known else None


def mean(rows, key):
    known = [row[key] for row in rows if row[key] is not None]
    return sum(known) / len(known) if known else None


def cells_of(name, rows):
    """A task is a line: of several subsets the means, and the differences that are furthest off."""
    if "reason" in rows[0]:
        return [name] + ["–"] * 6 + ["not run: " + rows[0]["reason"]]
    what = rows[0]["subset"] if len(rows) == 1 else "mean of %d" % len(rows)
    within = sum(row["within"] for row in rows)
    verdict = "yes" if within == len(rows) else "no" if len(rows) == 1 else "%d of %d" % (within, len(rows))
    return [name, what + ", " + rows[0]["metric"], number(mean(rows, "assay")), number(mean(rows, "reference")),
        number(mean(rows, "published")), number(worst(rows, "off_reference"), True),
        number(worst(rows, "off_published"), True), "%s (%g)" % (verdict, rows[0]["tolerance"])]


def table(parity, options):
    text = Table("Embedding scores beside mteb's", [
        "sentence-transformers/%s in float32. *Reference* is what mteb's own task code gave on the data at hand, *published* what the public" % MODEL,
        "results have (of other versions of mteb, and of data that may differ by white space). Of a task with several subsets the line",
        "has the means, and the differences that are furthest off. All numbers: `embedding.json`."],
        ["task", "subset, metric", "Assay", "reference", "published", "Assay − reference", "Assay − published", "within tolerance"], "llrrrrrl")
    rows, tasks = [], {}
    for path in sorted(glob.glob(str(options.shared / "golden" / "embedding" / "*.json"))):
        reference = parity.read(path)
        if "scores" not in reference:
            continue
        compared, about = compare(options, reference)
        text.row(*cells_of(reference["task"], compared))
        rows += compared
        if about:
            tasks[reference["task"]] = about
    held = len({row["task"] for row in rows}) - len({row["task"] for row in rows if not row.get("within")})
    text.summary = "%d of %d tasks within their tolerance." % (held, len(text.rows))
    return text, {"schema": "assay.parity/1", "tasks": tasks, "rows": rows}, held == len(text.rows)
