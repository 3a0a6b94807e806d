"""Results as lm_eval and mteb write them, of tiny random models on small made-up tasks.

    python peer_results.py FIXTURES OUT       a hundred and more files below OUT/lm-eval and OUT/mteb
    python peer_results.py --check OUT TABLE  holds the table of an export against what the files say
    python peer_results.py --load DIR         exported files, loaded by the packages that they are for
"""
import contextlib
import glob
import io
import json
import math
import os
import pathlib
import random
import sys

WORDS = "the bird sings a song of rain and small stones by the river where old men fish for silver".split()


def text(rng, n):
    return " ".join(rng.choice(WORDS) for _ in range(n))


# ---- lm_eval ----

COMMON = "dataset_path: json\ntest_split: test\nfewshot_split: test\ndataset_kwargs: {data_files: {test: DATA}}\n"
TASKS = {
    "made_choice": "output_type: multiple_choice\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{gold}}'\ndoc_to_choice: '{{options}}'\n"
                   "metric_list: [{metric: acc}, {metric: acc_norm}]\nmetadata: {version: 1.0}\n",
    "made_words": "output_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
                  "generation_kwargs: {until: [\"\\n\"], max_gen_toks: 4, do_sample: false}\nmetric_list: [{metric: exact_match}]\n"
                  "filter_list:\n- {name: strict, filter: [{function: regex, regex_pattern: '(\\d+)'}, {function: take_first}]}\n"
                  "- {name: loose, filter: [{function: remove_whitespace}, {function: take_first}]}\nmetadata: {version: 3}\n",
    "made_last": "output_type: loglikelihood\ndoc_to_text: '{{q}}'\ndoc_to_target: ' {{a}}'\n"
                 "metric_list: [{metric: acc}, {metric: perplexity}]\nmetadata: {version: 2.0}\n",
    "made_text": "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{q}}'\n"
                 "metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]\nmetadata: {version: 2}\n",
}


def make_tasks(folder):
    rng = random.Random(1)
    os.makedirs(folder, exist_ok=True)
    data = os.path.join(folder, "data.jsonl")
    with open(data, "w") as f:
        for i in range(8):
            options = [" " + text(rng, 1 + i % 3) for _ in range(3)]
            f.write(json.dumps({"q": f"{text(rng, 5)} \u00e9\u2028:", "a": rng.choice(WORDS), "options": options, "gold": i % 3}) + "\n")
    for name, body in TASKS.items():
        with open(os.path.join(folder, name + ".yaml"), "w") as f:
            f.write(f"task: {name}\n" + COMMON.replace("DATA", data) + body)
    with open(os.path.join(folder, "made.yaml"), "w") as f:
        f.write("group: made\ntask: [made_choice, made_last]\naggregate_metric_list: [{metric: acc, weight_by_size: true}]\nmetadata: {version: 1}\n")


def run_lm_eval(fixtures, out):
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    make_tasks(os.path.join(out, "tasks"))
    manager = TaskManager(include_path=os.path.join(out, "tasks"), include_defaults=False)
    for model in sorted(glob.glob(os.path.join(fixtures, "e2e", "lmeval-llama-*"))):
        lm = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=8)
        for tasks in (["made"], ["made_words"], ["made_text"]):
            for shots in (0, 1, 2):
                for limit in (None, 3):
                    results = lm_eval.simple_evaluate(model=lm, tasks=tasks, num_fewshot=None if tasks[0] == "made_text" else shots,
                                                      limit=limit, fewshot_random_seed=1234 + shots, bootstrap_iters=20, log_samples=True, task_manager=manager)
                    samples = results.pop("samples")
                    tracker = EvaluationTracker(output_path=os.path.join(out, "lm-eval", os.path.basename(model)))
                    tracker.general_config_tracker.model_name = "made/" + os.path.basename(model)
                    tracker.general_config_tracker.model_name_sanitized = "made__" + os.path.basename(model)
                    tracker.save_results_aggregated(results=results, samples=samples)
                    for task in results["configs"]:
                        tracker.save_results_samples(task_name=task, samples=samples[task])


# ---- mteb ----

def run_mteb(fixtures, out):
    import mteb
    from datasets import Dataset
    from mteb.abstasks import AbsTaskBitextMining, AbsTaskPairClassification, AbsTaskSTS
    from mteb.abstasks.task_metadata import TaskMetadata
    from sentence_transformers import SentenceTransformer

    def metadata(name, kind, main, splits):
        return TaskMetadata(name=name, description="made up", dataset={"path": "made/" + name, "revision": "1" * 40}, type=kind,
                            category="t2t", modalities=["text"], eval_splits=splits, eval_langs=["eng-Latn"], main_score=main,
                            reference=None, date=None, domains=None, task_subtypes=None, license=None, annotations_creators=None,
                            dialect=None, sample_creation=None, bibtex_citation="")

    def made(base, name, kind, main, rows, splits):
        cls = type(name, (base,), {"metadata": metadata(name, kind, main, splits)})
        task = cls()
        task.dataset = {split: Dataset.from_list(rows) for split in splits}
        task.data_loaded = True
        return task

    def tasks():
        for i in range(10):
            rng = random.Random(i)
            pairs = [{"sentence1": text(rng, 4), "sentence2": text(rng, 4)} for _ in range(12)]
            splits = ["test"] if i % 2 else ["validation", "test"]
            yield made(AbsTaskSTS, f"MadeSTS{i}", "STS", "cosine_spearman", [{**p, "score": rng.random() * 5} for p in pairs], splits)
            yield made(AbsTaskPairClassification, f"MadePair{i}", "PairClassification", "max_ap",
                       [{**p, "labels": k % 2} for k, p in enumerate(pairs)], splits)
            if i < 4:
                yield made(AbsTaskBitextMining, f"MadeBitext{i}", "BitextMining", "f1", pairs, splits)

    for model in ("pool-cls", "maxlen-20"):
        st = SentenceTransformer(os.path.join(fixtures, "st", model), device="cpu")
        cache = mteb.ResultCache(os.path.join(out, "mteb"))
        encoder = mteb.SentenceTransformerEncoderWrapper(st)
        encoder.mteb_model_meta = encoder.mteb_model_meta.model_copy(update={"name": "made/" + model, "revision": "2" * 40})
        mteb.evaluate(encoder, list(tasks()), cache=cache, encode_kwargs={"batch_size": 16}, overwrite_strategy="always")


# ---- against an import ----

def finite(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)


def said(out):
    """{(file's model, task, shots, limit, metric, subset): value} of all files."""
    for path in glob.glob(out + "/lm-eval/**/results_*.json", recursive=True):
        doc = json.load(open(path))
        for task in doc["configs"]:
            for key, v in doc["results"][task].items():
                if "," in key and "_stderr," not in key and finite(v):
                    name, stderr = key.removesuffix(",none"), doc["results"][task].get(key.replace(",", "_stderr,"))
                    yield (doc["model_name"], task, "", name, doc["n-shot"][task], int(doc["config"]["limit"] or 0)), v, stderr
    for path in glob.glob(out + "/mteb/**/Made*.json", recursive=True):
        doc = json.load(open(path))
        model = json.load(open(os.path.join(os.path.dirname(path), "model_meta.json")))["name"]
        for split, entries in doc["scores"].items():
            for e in entries:
                subset = "" if len(doc["scores"]) == 1 and len(entries) == 1 else f"{split}/{e['hf_subset']}"
                for key, v in e.items():
                    if finite(v):
                        yield (model, doc["task_name"], subset, key, -1, 0), v, None


def check(out, table):
    rows = {}
    for r in json.load(open(table))["rows"]:
        shots = -1 if r["profile"].startswith("mteb/") else r["shots"]
        rows[r["model"], r["task"], r["subset"], r["metric"], shots, r["limit"] or 0] = r
    n = 0
    for key, v, stderr in said(out):
        r = rows[key]
        assert r["value"] == v and r["origin"] == "imported", (key, v, r)
        assert r["stderr"] == (stderr if finite(stderr) else None), (key, stderr, r)
        n += 1
    files = len(glob.glob(out + "/lm-eval/**/results_*.json", recursive=True)) + len(glob.glob(out + "/mteb/**/Made*.json", recursive=True))
    assert files >= 100 and n > 400, (files, n)
    print(f"{files} files, {n} numbers, all equal")


# ---- what was exported, by the packages ----

def load(out):
    counts = {"lm-eval": 0, "mteb": 0, "model-index": 0, "eval-results": 0}
    from lm_eval.utils import make_table
    for path in glob.glob(out + "/lm-eval/**/results_*.json", recursive=True):
        doc = json.load(open(path))
        table = make_table(doc)
        for task in doc["configs"]:
            assert task in table, (path, task)
        counts["lm-eval"] += 1
    from mteb.models.model_meta import ModelMeta
    from mteb.results import TaskResult
    for path in glob.glob(out + "/mteb/**/*.json", recursive=True):
        if os.path.basename(path) == "model_meta.json":
            meta = json.load(open(path))
            if "/ours/" in path:
                assert ModelMeta(**meta).name == meta["name"]
            continue
        result = TaskResult.from_disk(pathlib.Path(path))
        assert result.task_name + ".json" == os.path.basename(path)
        for entries in result.scores.values():
            for e in entries:
                assert finite(e["main_score"])
        counts["mteb"] += 1
    import yaml
    from huggingface_hub import ModelCard, parse_eval_result_entries
    for path in glob.glob(out + "/cards/models/*/*/README.md"):
        card = ModelCard.load(path)
        raw = yaml.safe_load(open(path).read().split("---\n")[1])["model-index"][0]["results"]
        n = sum(len(r["metrics"]) for r in raw)
        assert len(card.data.eval_results) == n > 0, (path, n)
        counts["model-index"] += n
    for path in glob.glob(out + "/cards/models/*/*/.eval_results/*.yaml"):
        raw = yaml.safe_load(open(path))
        entries = parse_eval_result_entries(raw)
        assert len(entries) == len(raw) and all(e.value == r["value"] for e, r in zip(entries, raw))
        counts["eval-results"] += len(entries)
    print("loaded:", ", ".join(f"{n} {what}" for what, n in counts.items()))
    assert all(counts.values()), counts


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(*sys.argv[2:])
    elif sys.argv[1] == "--load":
        load(sys.argv[2])
    else:
        with contextlib.redirect_stdout(io.StringIO()):
            run_lm_eval(*sys.argv[1:])
            run_mteb(*sys.argv[1:])
