"""lm-evaluation-harness and mteb, pointed at models that Assay serves, and their scores beside those of `assay eval`.

    endpoint_peers.py HUB OURS MODEL URL      HUB: a mirror tree; OURS: what `assay eval --out` wrote; MODEL: the folder of the decoder

The data are read from the tree, as many rows as LIMITS says. The harness's log-likelihoods and texts are compared one by one."""
import glob, gzip, json, os, sys, urllib.request

hub, ours, model, url = sys.argv[1:5]
LIMITS = json.loads(os.environ["LIMITS"])
import datasets

def split_files(path, name):
    root = os.path.join(hub, "datasets", path)
    for folder in (os.path.join(root, name or ""), os.path.join(root, "data"), root):
        found = {}
        for f in sorted(glob.glob(os.path.join(folder, "*.parquet")) + glob.glob(os.path.join(folder, "*.jsonl*"))):
            found.setdefault(os.path.basename(f).split("-")[0].split(".")[0], []).append(f)
        if found:
            return found
    raise FileNotFoundError(f"{path} {name} is not in {hub}")

real_load = datasets.load_dataset
def load_dataset(path, name=None, **_):
    files = split_files(path, name)
    if next(iter(files.values()))[0].endswith(".parquet"):
        found = real_load("parquet", data_files=files)
        for split in ("train", "validation", "test"): # what a task without examples names and never asks for
            found.setdefault(split, next(iter(found.values())))
        return found
    splits = {}
    for split, parts in files.items():
        rows = [json.loads(l) for p in parts for l in (gzip.open if p.endswith(".gz") else open)(p, "rt", encoding="utf-8")]
        splits[split] = datasets.Dataset.from_list(rows[:LIMITS["mteb"]])
    return datasets.DatasetDict(splits)
datasets.load_dataset = load_dataset

def post(path, **body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as reply:
        return json.load(reply)

def our_results(pattern):
    found = {}
    for path in glob.glob(os.path.join(ours, pattern), recursive=True):
        found.update(json.load(open(path))["results"])
    return found

def samples_of(task):
    [path] = glob.glob(os.path.join(ours, f"**/samples_{task}_*.jsonl"), recursive=True)
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    return {r["doc_id"]: r for r in rows}

# ---- lm-evaluation-harness ----

def run_harness():
    import lm_eval
    args = {"model": "smollm2-f32", "base_url": url + "/completions", "tokenizer": model, "tokenizer_backend": "huggingface",
            "num_concurrent": 8, "max_retries": 1, "timeout": 600}
    mine = our_results("**/results_*.json")
    for task, shots in (("arc_easy", 0), ("piqa", 0), ("gsm8k", 5)):
        said = lm_eval.simple_evaluate(model="local-completions", model_args=args, tasks=[task], num_fewshot=shots, limit=LIMITS[task],
                                       log_samples=True, bootstrap_iters=0)
        numbers = {k: float(v) for k, v in said["results"][task].items() if isinstance(v, float) and "stderr" not in k}
        own = {k: mine[task][k] for k in numbers}
        assert numbers and numbers == own, (task, numbers, own)
        compared = 0
        furthest = 0.0
        samples = samples_of(task)
        for s in said["samples"][task]:
            a, b = s["resps"], samples[s["doc_id"]]["resps"]
            for x, y in zip(a, b):
                x, y = x[0], y[0]
                if isinstance(x, str):
                    assert x == y, (task, s["doc_id"], x, y)
                else:
                    apart = abs(float(x[0]) - float(y[0]))
                    furthest = max(furthest, apart)
                    assert apart <= 1e-6 * max(1, abs(float(y[0]))) and str(x[1]) == str(y[1]), (task, s["doc_id"], x, y)
                compared += 1
        assert compared >= LIMITS[task]
        print(task, numbers, compared, "answers, at most", furthest, "apart")

# ---- mteb ----

class Served:
    """An encoder behind /v1/embeddings."""
    def __init__(self, name):
        from mteb.models import ModelMeta
        self.name = name
        self.mteb_model_meta = ModelMeta.create_empty({"name": "served/" + name, "revision": "0" * 40})

    def encode(self, inputs, **_):
        import numpy
        texts = [t for batch in inputs for t in batch["text"]]
        vectors = []
        for i in range(0, len(texts), 64):
            d = post("/embeddings", model=self.name, input=texts[i:i + 64])
            vectors += [x["embedding"] for x in sorted(d["data"], key=lambda x: x["index"])]
        return numpy.array(vectors, dtype=numpy.float32)

    def similarity(self, a, b):
        from mteb.similarity_functions import cos_sim
        return cos_sim(a, b)

    def similarity_pairwise(self, a, b):
        from mteb.similarity_functions import pairwise_cos_sim
        return pairwise_cos_sim(a, b)

def run_mteb():
    import mteb
    encoder = Served("minilm")
    for task in ("STSBenchmark", "STS13"):
        [path] = glob.glob(os.path.join(ours, f"**/{task}.json"), recursive=True)
        own = json.load(open(path))["scores"]["test"][0]
        said = mteb.evaluate(encoder, mteb.get_tasks(tasks=[task]), cache=None, overwrite_strategy="always").task_results[0].scores["test"][0]
        for key in ("main_score", "cosine_spearman", "cosine_pearson", "euclidean_spearman"):
            assert abs(said[key] - own[key]) < 2e-6, (task, key, said[key], own[key])
        print(task, said["main_score"], "and", own["main_score"])

{"harness": run_harness, "mteb": run_mteb}[sys.argv[5]]()
