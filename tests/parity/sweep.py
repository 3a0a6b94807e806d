#!/usr/bin/env python3
"""Tiny random models of every family that transformers knows and Assay describes, with reference numbers.

    sweep.py make DIR [--only GLOB] [--seed N]     models with reference.json, in the shape of the fixtures
    sweep.py run DIR --assay BIN --parity FILE     the same, then asks the binary and prints a table; --out writes it

A recipe (families.py) is a model type, a configuration and what its variants change. Each variant's configuration is
written in two spellings: "full" as transformers saves it, and "lean" as older folders on the hub have it, where what
equals a default is absent and rotary settings stand in the words of version 4. FILE is a checker of such folders that
speaks to the binary by its pipelines. Where transformers or the checker is absent, it says so and exits 77."""
import argparse, collections, copy, fnmatch, hashlib, json, math, os, pathlib, shutil, subprocess, sys, tempfile

try:
    import torch, transformers
    from transformers import AutoConfig
except ImportError as missing:
    print("skipped: %s" % missing, file=sys.stderr)
    sys.exit(77)
from families import FAMILIES

CLASSES = {"dec": "AutoModelForCausalLM", "enc": "AutoModel", "cls": "AutoModelForSequenceClassification",
           "s2s": "AutoModelForSeq2SeqLM"}
LENGTHS = (5, 23, 41)
LEARNED_BUFFERS = ("e_score_correction_bias", "final_logits_bias", "moe_statics.e_score_correction_bias")
# What configurations of version 4 never said of these types.
LAYER_TYPES_DERIVED = ("qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "gemma2", "gemma3_text", "cohere2", "modernbert")


def seeded(name, seed):
    return int.from_bytes(hashlib.sha256(("%s/%d" % (name, seed)).encode()).digest()[:4], "big")


def fill(model, generator):
    """Weights that matter: scores that differ, gains and biases that are not one and nothing."""
    def noise(p):
        return torch.randn(p.shape, generator=generator, dtype=torch.float32)

    learned = [(name, p) for name, p in model.named_buffers() if name.endswith(LEARNED_BUFFERS)]
    for name, p in [(name, p) for name, p in model.named_parameters() if p.requires_grad] + learned:
        kept = p.data.float()
        if p.dim() < 2 and bool((kept == 0).all() or (kept == 1).all()):
            p.data.copy_(kept + 0.2 * noise(p))
        elif p.dim() < 2 or "A_log" in name:
            p.data.copy_(kept + 0.1 * noise(p))
        elif "embed" in name or "wte" in name or "wpe" in name:
            p.data.copy_(0.7 * noise(p))
        else:
            p.data.copy_(1.3 / math.sqrt(p.shape[-1]) * noise(p))


def rounded(values):
    return [float("%.9g" % x) for x in values]


# ---- references, in the shape that the checker reads ----

def logprobs_of(logits):
    return torch.log_softmax(logits.double(), -1)


def greedy_of(step, ids, n):
    out, margin = [], math.inf
    for _ in range(n):
        best = step(ids + out).topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        out.append(int(best.indices[0]))
    return {"ids": out, "min_margin": margin}


def decoder_sequence(model, ids):
    logits = model(torch.tensor([ids]), use_cache=False).logits[0].float()
    p = logprobs_of(logits)
    cut, n = len(ids) // 2, len(ids)
    row = {"ids": ids, "next_logprobs": rounded(p[t, ids[t + 1]].item() for t in range(n - 1)),
           "last_logits": rounded(logits[-1].tolist()), "top5": {}}
    for t in (0, cut, n - 1):
        best = p[t].topk(5)
        row["top5"][str(t)] = {"ids": best.indices.tolist(), "logprobs": rounded(best.values.tolist())}
    row["continuation"] = {
        "context_len": cut, "cont_ids": ids[cut:], "loglikelihood": sum(row["next_logprobs"][cut - 1:]),
        "is_greedy": all(int(p[t].argmax()) == ids[t + 1] for t in range(cut - 1, n - 1))}
    row["greedy"] = greedy_of(lambda x: model(torch.tensor([x]), use_cache=False).logits[0, -1].float(), ids, 6)
    return row


def seq2seq_sequence(model, ids, labels):
    start = model.config.decoder_start_token_id
    given = [start] + labels[:-1]

    def logits(decoder_ids):
        return model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([decoder_ids]), use_cache=False).logits[0].float()

    p = logprobs_of(logits(given))
    each = [p[t, label].item() for t, label in enumerate(labels)]
    return {"encoder_ids": ids, "decoder_input_ids": given, "labels": labels, "label_logprobs": rounded(each),
            "loglikelihood": sum(each), "is_greedy": all(int(p[t].argmax()) == label for t, label in enumerate(labels)),
            "greedy": greedy_of(lambda x: logits(x)[-1], [start], 5)}


def encoder_batch(model, sequences):
    pooled = collections.defaultdict(list)
    for ids in sequences:
        h = model(torch.tensor([ids]))[0][0].float()
        for key, row in (("mean", h.mean(0)), ("cls", h[0]), ("lasttoken", h[-1]), ("max", h.max(0).values)):
            pooled[key].append(rounded(row.tolist()))
    return {"pooled": pooled}


def reference_of(model, task, sequences, generator):
    if task == "dec":
        return {"sequences": [decoder_sequence(model, ids) for ids in sequences]}
    if task == "s2s":
        labels = [torch.randint(3, model.config.vocab_size - 1, (n,), generator=generator).tolist() for n in (3, 7, 13)]
        return {"sequences": [seq2seq_sequence(model, ids, l) for ids, l in zip(sequences, labels)]}
    batch = encoder_batch(model, sequences) if task == "enc" else {
        "logits": [rounded(model(torch.tensor([ids])).logits[0].float().tolist()) for ids in sequences]}
    return {"sequences": sequences, "batches": [batch]}


# ---- the two spellings of a configuration ----

def old_words(c):
    """Rotary settings as version 4 spelt them."""
    c["torch_dtype"] = c.pop("dtype", "float32")
    rope = c.pop("rope_parameters", None)
    if c["model_type"] in LAYER_TYPES_DERIVED:
        c.pop("layer_types", None)
    if not rope:
        return c
    nested = "full_attention" in rope or "sliding_attention" in rope
    full = dict(rope.get("full_attention") or rope.get("sliding_attention") if nested else rope)
    theta, part = full.pop("rope_theta", None), full.pop("partial_rotary_factor", None)
    if nested and c["model_type"] == "modernbert":
        return dict(c, global_rope_theta=theta, local_rope_theta=rope["sliding_attention"]["rope_theta"])
    if nested and c["model_type"] == "gemma3_text":
        c["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    if theta is not None:
        c["rotary_emb_base" if c["model_type"] in ("gpt_neox", "nomic_bert") else "rope_theta"] = theta
    if part is not None:
        c["rotary_pct" if c["model_type"] == "gpt_neox" else "partial_rotary_factor"] = part
    if full.get("rope_type", "default") != "default":
        original = full.get("original_max_position_embeddings")
        if full["rope_type"] == "longrope" and original:
            c["original_max_position_embeddings"] = full.pop("original_max_position_embeddings")
        c["rope_scaling"] = full
    return c


def lean(full, model_type):
    """Without what equals the type's default."""
    defaults = AutoConfig.for_model(model_type).to_dict()
    kept = {k: v for k, v in full.items() if k in ("model_type", "architectures", "dtype", "rope_parameters", "eos_token_id") or
            k not in defaults or defaults[k] != v}
    old_default = old_words(dict(defaults, model_type=model_type, dtype="float32"))
    out = old_words(kept)
    return {k: v for k, v in out.items() if k in ("model_type", "architectures", "eos_token_id") or old_default.get(k, math.nan) != v}


def alike(a, b):
    skip = ("time_step_limit", "dtype", "transformers_version", "architectures", "_name_or_path", "rope_scaling", "torch_dtype")
    return all(a.get(k) == b.get(k) for k in set(a) | set(b) if k not in skip)


def spellings(folder, model_type):
    """The lean spelling is written where transformers understands the same by it."""
    full = json.loads((folder / "config.json").read_text())
    full.pop("transformers_version", None)
    if not all(isinstance(x, (int, float)) for x in full.get("time_step_limit") or [0]):
        del full["time_step_limit"]  # it holds what JSON has no word for
    understood = AutoConfig.for_model(**{"torch_dtype": "float32", **lean(copy.deepcopy(full), model_type)}).to_dict()
    meant = AutoConfig.for_model(**copy.deepcopy(full)).to_dict()
    if not alike(understood, meant):
        return
    other = folder.parent / (folder.name + ".lean")
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(folder, other, copy_function=os.link)
    (other / "config.json").unlink()
    (other / "config.json").write_text(json.dumps(lean(copy.deepcopy(full), model_type), indent=1))


# ---- making ----

def merged(base, change):
    out = copy.deepcopy(base)
    for key, value in change.items():
        out[key] = copy.deepcopy(value)  # transformers writes into what it is given
    return out


def make(folder, family, task, change, seed):
    generator = torch.Generator().manual_seed(seeded(folder.name, seed))
    torch.manual_seed(seeded(folder.name, seed))
    settings = merged(family["config"], change)
    dtype, shards = settings.pop("_dtype", "float32"), settings.pop("_shards", "1GB")
    # Falcon adds its slopes twice where attention is eager
    attention = settings.pop("_attention", "eager")
    if task == "cls":
        settings.setdefault("num_labels", 3)
        settings.setdefault("pad_token_id", 0)
    config = AutoConfig.for_model(family["type"], **settings)
    own = getattr(transformers, family["class"])._from_config if "class" in family else getattr(transformers, CLASSES[task]).from_config
    model = own(config, attn_implementation=attention).eval()
    fill(model, generator)
    model.to(getattr(torch, dtype))
    folder.mkdir(parents=True)
    model.save_pretrained(folder, max_shard_size=shards)
    model = type(model).from_pretrained(folder, config=copy.deepcopy(config), dtype=torch.float32, attn_implementation=attention).eval()
    vocab = config.vocab_size
    sequences = [torch.randint(3, vocab - 1, (n,), generator=generator).tolist() for n in family.get("lengths", LENGTHS)]
    with torch.no_grad():
        reference = reference_of(model, task, sequences, generator)
    document = {"name": folder.name, "task": task, "architecture": type(model).__name__, "weights_dtype": dtype,
                "compute_dtype": "float32", "attention": attention, "seed": seeded(folder.name, seed),
                "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
                "reference": reference}
    (folder / "reference.json").write_text(json.dumps(document))
    spellings(folder, family["type"])


def make_all(root, only, seed):
    troubles = {}
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for family in FAMILIES:
        for task in family["tasks"]:
            for variant, change in family["variants"].items():
                name = "%s-%s-%s" % (family["name"], task, variant)
                folder = root / "models" / name
                if not fnmatch.fnmatch(name, only) or (folder / "reference.json").exists():
                    continue
                shutil.rmtree(folder, ignore_errors=True)
                try:
                    make(folder, family, task, change, seed)
                except Exception as error:  # transformers refuses some of its own configurations
                    shutil.rmtree(folder, ignore_errors=True)
                    troubles[name] = "%s: %s" % (type(error).__name__, str(error).splitlines()[0][:200] if str(error) else "")
                    print("not made: %s: %s" % (name, troubles[name]), flush=True)
    return troubles


# ---- asking ----

def verdict(row):
    if not row["failures"]:
        return "pass", ""
    refusals = [f for f in row["failures"] if "exit code 6" in f]
    trouble = next((f for f in row["failures"] if f.startswith("assay ")), row["failures"][0])
    if refusals:
        return "refused", refusals[0].split("error: ", 1)[-1].split("config.json: ")[-1].split("\\n")[0]
    return "FAIL", trouble


def parts_of(name):
    """Family and task, variant, spelling."""
    stem, _, spelling = name.partition(".")
    at, task = max((stem.rfind("-%s-" % task), task) for task in CLASSES)
    return (stem[:at], task), stem[at + len(task) + 2:], spelling or "full"


def why_line(row):
    (family, task), variant, spelling = parts_of(row["name"])
    word, why = verdict(row)
    return "| %s | %s | %s | %s | %.2g | %.2g | %s%s |" % (
        family, task, variant, spelling, row["worst"], row["share"], word, why and ": " + why.replace("|", "/")[:200])


def summary(rows):
    """A family and task is a line; of what passes, the number that is furthest off, in shares of its tolerance."""
    groups = collections.OrderedDict()
    for row in rows:
        groups.setdefault(parts_of(row["name"])[0], []).append(row)
    lines = ["| family | task | folders | pass | refused | FAIL | worst of its tolerance |", "|---|---|--:|--:|--:|--:|--:|"]
    for (family, task), group in groups.items():
        words = collections.Counter(verdict(row)[0] for row in group)
        worst = max((row["share"] for row in group if verdict(row)[0] == "pass"), default=None)
        lines.append("| %s | %s | %d | %d | %d | %d | %s |" % (
            family, task, len(group), words["pass"], words["refused"], words["FAIL"], "–" if worst is None else "%.2g" % worst))
    return lines


def document(rows):
    others = [row for row in rows if verdict(row)[0] != "pass"]
    return "\n".join([
        "# Architectures against transformers", "",
        "Tiny random models of each family (`tests/parity/families.py`), saved by transformers %s, scored by it in float32 and by" % transformers.__version__,
        "Assay; each in two spellings of its configuration where transformers understands the same by both. Tolerances are those of the",
        "fixtures: 2e-4 a log-probability, 2e-5 a hidden state, 1e-4 a class. Made by `tests/parity/sweep.py run DIR --assay BIN", "--parity FILE --out results/parity/architectures.md`.", "",
        *summary(rows), "", "## What does not pass", "", "| family | task | variant | spelling | worst | of tolerance | |", "|---|---|---|---|--:|--:|---|",
        *map(why_line, others)]) + "\n"


def ask(root, a):
    if not a.parity or not os.path.exists(a.parity):
        print("skipped: no checker of fixtures", file=sys.stderr)
        sys.exit(77)
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([sys.executable, a.parity, "--assay", a.assay, "--fixtures", str(root), "--kind", "models", "--only",
                        a.only + "*", "--json", out.name, "--jobs", "2"], stdout=subprocess.DEVNULL, check=False)
        rows = json.loads(open(out.name, encoding="utf-8").read().replace(str((root / "models").resolve()) + "/", ""))
    counts = collections.Counter(verdict(row)[0] for row in rows)
    print("\n".join(summary(rows) + [""] + [why_line(row) for row in rows if a.all or verdict(row)[0] != "pass"]))
    print(", ".join("%d %s" % (n, word) for word, n in counts.items()))
    if a.out:
        pathlib.Path(a.out).write_text(document(rows), encoding="utf-8")
    return set(counts) - {"pass"}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=("make", "run"))
    ap.add_argument("root", type=pathlib.Path)
    ap.add_argument("--only", default="*", metavar="GLOB")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--assay")
    ap.add_argument("--parity", default=os.path.join(os.environ.get("ASSAY_SHARED", ""), "tools", "parity.py"))
    ap.add_argument("--out")
    ap.add_argument("--all", action="store_true", help="rows that pass, too")
    a = ap.parse_args()
    troubles = make_all(a.root, a.only, a.seed)
    sys.exit(1 if a.what == "run" and ask(a.root, a) else 0)


if __name__ == "__main__":
    main()
