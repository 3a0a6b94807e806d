#!/usr/bin/env python3
"""What llama.cpp's converter makes of tiny random models, asked of Assay, beside transformers' numbers.

    sweep_gguf.py DIR --converter LLAMA_CPP --assay BIN [--only GLOB] [--variants] [--out TABLE]

LLAMA_CPP is a copy of that repository (convert_hf_to_gguf.py, conversion/, gguf-py/). Models and their references are the
sweep's (sweep.py, families.py); each becomes a GGUF file of f32 with a vocabulary of names only, and is asked by ids. A model
type that the converter has not, or refuses, is in the table with its reason. Tolerances are the fixtures': 2e-4 a
log-probability, 2e-5 a hidden state, 1e-4 a class. Where transformers is absent, it says so and exits 77."""
import argparse, collections, contextlib, fnmatch, io, json, logging, os, pathlib, subprocess, sys

import sweep
from families import FAMILIES

import torch

TOLERANCE = {"dec": 2e-4, "enc": 2e-5, "s2s": 2e-4, "cls": 1e-4}
# What folders of transformers 5 call themselves, and what the converter knows it by.
KNOWN_AS = {"LlamaModel": "LlamaForCausalLM", "MptForCausalLM": "MPTForCausalLM", "PhimoeForCausalLM": "PhiMoEForCausalLM",
            "Qwen2Model": "Qwen2ForCausalLM", "CamembertModel": "RobertaModel"}
# Settings that a file has no word for, so that it means one of them always; words that the converter looks for; and
# layers as wide as it takes for granted.
FIXED = {
    "gemma2": dict(query_pre_attn_scalar=16), "gemma3_text": dict(query_pre_attn_scalar=16), "embeddinggemma": dict(query_pre_attn_scalar=16),
    "qwen3_moe": dict(norm_topk_prob=True), "deepseek_v2": dict(topk_method="group_limited_greedy"), "deepseek_v3": dict(scoring_func="sigmoid"),
    "glm4_moe_lite": dict(scoring_func="sigmoid"), "phi": dict(intermediate_size=192), "glm": dict(head_dim=8, seq_length=256, rms_norm_eps=1e-5),
    "minicpm3": dict(scale_emb=12, scale_depth=1.4, dim_model_base=256), "minimax_m2": dict(rotary_dim=16), "eurobert": dict(classifier_pooling="mean"),
    "exaone_moe": dict(scoring_func="sigmoid"), "dots1": dict(scoring_func="sigmoid", norm_topk_prob=True),
    "solar_open": dict(scoring_func="sigmoid", norm_topk_prob=True, first_k_dense_replace=0), "bamba": dict(attn_rotary_emb=4),
    "falcon": dict(ffn_hidden_size=192), "nemotron_h": dict(mamba_head_dim=64, mamba_num_heads=2), "bloom": dict(),
    "hunyuan_v1_moe": dict(moe_intermediate_size=[80] * 3, num_shared_expert=[1] * 3, moe_topk=[2] * 3),
}
# Variants that a file has no word for, or that the converter has a word wrong for: these are not asked.
UNSAID = {
    "distilbert-cls": "*", "modernbert-cls": "silu",
    "*": "dynamic", "bert roberta xlm-roberta camembert": "tanh relu", "distilbert": "relu", "nomic_bert eurobert": "gelu", "t5 t5-encoder umt5": "silu buckets untied flan",
    "mt5": "base gated silu untied odd buckets eps f16 flan", "gpt2 gpt_bigcode": "unscaled by_layer relu inner mha gelu", "gpt_neox": "full gelu linear", "bloom": "after",
    "falcon": "alibi linear theta tanh", "mpt": "scale no_alibi", "llama": "long gelu", "mistral mixtral": "window gelu", "qwen2 qwen3": "window window_all llama3 gelu",
    "qwen2_moe qwen3_moe": "norm window", "gemma gemma2": "theta", "gemma3_text": "both types", "phi": "gqa linear", "olmo2 olmoe": "llama3 gelu norm clip", "olmo": "bias",
    "starcoder2": "window gelu", "cohere2 nemotron": "head", "deepseek_v2": "norm", "deepseek_v3": "plain", "smollm3": "no_rope every window", "glm": "eps", "gpt_oss": "types",
    "mamba mamba2 bamba": "f16 limit", "falcon_mamba": "rms", "falcon_h1": "before_gate", "granitemoehybrid": "rope", "dots1": "window",
}
BY_LENGTH = ("long", "short", "phi4mini")  # rotated by the length of the pass: asked whole

REMOTE_NOMIC = dict(n_positions=2048, max_trained_positions=2048, activation_function="swiglu", causal=False, qkv_proj_bias=False, mlp_fc1_bias=False,
                    mlp_fc2_bias=False, prenorm=False, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None)


# ---- converting ----

def converter(path):
    sys.path[:0] = [str(path), str(path / "gguf-py")]
    logging.disable(logging.WARNING)
    import conversion, gguf
    return conversion, gguf


def names_only(model, gguf):
    """A vocabulary in which token i is called so, as long as the embedding: ids are asked, never texts."""
    n = model.find_hparam(["vocab_size"])
    tokens = ["<t%d>" % i for i in range(n)]
    model.vocab_size = n
    model.gguf_writer.add_tokenizer_model("gpt2")
    model.gguf_writer.add_tokenizer_pre("gpt-2")
    model.gguf_writer.add_token_list(tokens)
    model.gguf_writer.add_token_types([1] * n)
    model.gguf_writer.add_token_merges([])
    if "type_vocab_size" in model.hparams:
        model.gguf_writer.add_token_type_count(model.hparams["type_vocab_size"])
    for key, add in (("bos_token_id", model.gguf_writer.add_bos_token_id), ("eos_token_id", model.gguf_writer.add_eos_token_id)):
        if isinstance(model.hparams.get(key), int):
            add(model.hparams[key])


@contextlib.contextmanager
def vocabulary_beside(folder, hparams):
    """Some models are cut to as many tokens as their tokenizer has."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "WordPiece", "vocab": {"<t%d>" % i: i for i in range(hparams["vocab_size"])}}, "added_tokens": []}))
    try:
        yield
    finally:
        path.unlink()


def older_words(c):
    """What the converter looks for, where transformers 5 has other words for it."""
    kind, rope = c["model_type"], c.get("rope_parameters") or {}
    more = {"rotary_pct": rope.get("partial_rotary_factor", 1.0), "n_ctx": c.get("n_positions")} if kind in ("gpt_neox", "cohere2", "gpt2", "gpt_bigcode") else {}
    if kind == "falcon" and not c["new_decoder_architecture"]:
        more["num_kv_heads"] = 1 if c["multi_query"] else c["num_attention_heads"]
    if kind == "granitemoehybrid":
        more["layer_types"] = [{"full_attention": "attention"}.get(x, x) for x in c["layer_types"]]
    if kind == "solar_open":
        more["rope_parameters"] = {"partial_rotary_factor": 1.0, **rope}
    if kind == "nemotron_h":
        c = {k: v for k, v in c.items() if not k.startswith("num_experts")}
        more["hybrid_override_pattern"] = "".join({"linear_attention": "M", "full_attention": "*", "mlp": "-"}[x] for x in c["layers_block_type"])
    return {**c, **more, **(REMOTE_NOMIC if kind == "nomic_bert" else {})}


def convert(folder, out, tools):
    conversion, gguf = tools
    hparams = older_words(conversion.ModelBase.load_hparams(folder, False))
    name = conversion.get_model_architecture(hparams, conversion.ModelType.TEXT)
    kind = conversion.get_model_class(KNOWN_AS.get(name, name))
    with torch.inference_mode(), vocabulary_beside(folder, hparams):
        model = kind(folder, gguf.LlamaFileType.ALL_F32, out, hparams=hparams)
        model.set_vocab = lambda: names_only(model, gguf)
        model.write()
    return model.gguf_writer.arch


def converted(folder, out, tools):
    """What its architecture is called; or nothing, and why."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return convert(folder, out, tools), ""
    except (Exception, SystemExit) as error:
        out.unlink(missing_ok=True)
        return None, "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:120])


# ---- asking ----

def asked(assay, arguments, questions):
    """Answers by id; or none, and what Assay says."""
    run = subprocess.run([assay, *arguments, "--device", "cpu", "--dtype", "f32"], capture_output=True, text=True, check=False,
                         input="".join(json.dumps(q) + "\n" for q in questions), timeout=120)
    answers = {a["id"]: a for a in map(json.loads, run.stdout.splitlines())}
    trouble = next((a["error"] for a in answers.values() if "error" in a), None)
    if run.returncode or trouble:
        return None, run.returncode, trouble or run.stderr.strip().splitlines()[0] if run.stderr.strip() or trouble else "?"
    return answers, 0, ""


def decoder_distance(assay, path, sequences):
    questions = [{"id": "%d/%d" % (i, t), "context_ids": s["ids"][:t], "choices_ids": [[s["ids"][t]]]}
                 for i, s in enumerate(sequences) for t in range(1, len(s["ids"]))]
    answers, code, why = asked(assay, ["score", path], questions)
    if answers is None:
        return None, code, why
    return max(abs(answers["%d/%d" % (i, t)]["loglikelihood"][0] - s["next_logprobs"][t - 1])
               for i, s in enumerate(sequences) for t in range(1, len(s["ids"]))), 0, ""


def whole_distance(assay, path, sequences):
    """The sum, by the number of its terms as sums of rounding errors grow."""
    answers, code, why = asked(assay, ["score", path], [{"id": i, "context_ids": s["ids"][:1], "choices_ids": [s["ids"][1:]]} for i, s in enumerate(sequences)])
    if answers is None:
        return None, code, why
    return max(abs(answers[i]["loglikelihood"][0] - sum(s["next_logprobs"])) / len(s["next_logprobs"]) ** 0.5 for i, s in enumerate(sequences)), 0, ""


def pair_distance(assay, path, sequences):
    questions = [{"id": i, "context_ids": s["encoder_ids"], "choices_ids": [s["labels"]]} for i, s in enumerate(sequences)]
    answers, code, why = asked(assay, ["score", path], questions)
    if answers is None:
        return None, code, why
    return max(abs(answers[i]["loglikelihood"][0] - s["loglikelihood"]) / len(s["labels"]) for i, s in enumerate(sequences)), 0, ""


def encoder_distance(assay, path, reference):
    worst, questions = 0.0, [{"id": i, "ids": ids} for i, ids in enumerate(reference["sequences"])]
    for key, pooling in (("mean", "mean"), ("cls", "cls"), ("lasttoken", "last")):
        answers, code, why = asked(assay, ["embed", path, "--pooling", pooling, "--no-normalize"], questions)
        if answers is None:
            return None, code, why
        for i, wanted in enumerate(reference["batches"][0]["pooled"][key]):
            worst = max([worst] + [abs(a - b) for a, b in zip(answers[i]["embedding"], wanted)])
    return worst, 0, ""


def class_distance(assay, path, reference):
    answers, code, why = asked(assay, ["classify", path], [{"id": i, "ids": ids} for i, ids in enumerate(reference["sequences"])])
    if answers is None:
        return None, code, why
    return max(abs(a - b) for i, wanted in enumerate(reference["batches"][0]["logits"]) for a, b in zip(answers[i]["logits"], wanted)), 0, ""


def distance(assay, path, document, by_length):
    reference = document["reference"]
    if document["task"] == "dec":
        return (whole_distance if by_length else decoder_distance)(assay, path, reference["sequences"])
    if document["task"] == "s2s":
        return pair_distance(assay, path, reference["sequences"])
    return (class_distance if document["task"] == "cls" else encoder_distance)(assay, path, reference)


# ---- the table ----

Row = collections.namedtuple("Row", "family task variant arch worst word why")


def unsaid(family, task, variant):
    return any(variants == "*" or variant in variants.split() for names, variants in UNSAID.items()
               if names == "*" or {family, family + "-" + task} & set(names.split()))


def row_of(a, tools, family, task, variant):
    if unsaid(family["name"], task, variant):
        return Row(family["name"], task, variant, "", None, "not said", "")
    name = "%s-%s-%s" % (family["name"], task, variant)
    folder, out = a.root / "models" / name, a.root / "gguf" / (name + ".gguf")
    if not (folder / "reference.json").exists():
        return Row(family["name"], task, variant, "", None, "not made", "")
    arch, why = converted(folder, out, tools)
    if not arch:
        return Row(family["name"], task, variant, "", None, "not converted", why)
    worst, code, why = distance(a.assay, str(out), json.loads((folder / "reference.json").read_text()), variant in BY_LENGTH)
    word = "refused" if code == 6 else "FAIL" if worst is None or not worst <= TOLERANCE[task] else "pass"
    return Row(family["name"], task, variant, arch, worst, word, why.replace("error: ", "").replace(str(out) + ": ", ""))


def line(row):
    return "| %s | %s | %s | %s | %s | %s%s |" % (row.family, row.task, row.variant, row.arch or "–", "–" if row.worst is None else "%.2g" % row.worst,
                                             row.word, row.why and ": " + row.why.replace("|", "/")[:160])


def document(rows, version):
    """Types that the converter does not know are a count."""
    known = [row for row in rows if "Architecture '" not in row.why]
    counts = collections.Counter(row.word for row in known)
    return "\n".join([
        "# GGUF architectures", "",
        "Tiny random models of each family (`tests/parity/families.py`) as llama.cpp's converter writes them (f32; gguf %s), asked of Assay" % version,
        "and compared with what transformers says of the folder they were made from: the furthest log-probability (2e-4 passes), hidden",
        "state (2e-5), class (1e-4). *Not said*: the variant's setting has no word in the file, or the converter has it wrong. %d further" % (len(rows) - len(known)),
        "variants are of types that the converter does not know. Encoders that transformers has not: `tests/parity/gguf_encoders.py`.",
        "Made by `tests/parity/sweep_gguf.py DIR --converter LLAMA_CPP --assay BIN --variants --out results/parity/gguf_architectures.md`.", "",
        "**" + ", ".join("%d %s" % (n, word) for word, n in counts.most_common()) + "**", "",
        "| family | task | variant | architecture | worst | |", "|---|---|---|---|--:|---|", *map(line, known)]) + "\n"


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("root", type=pathlib.Path)
    ap.add_argument("--converter", type=pathlib.Path, required=True)
    ap.add_argument("--assay", required=True)
    ap.add_argument("--only", default="*", metavar="GLOB")
    ap.add_argument("--variants", action="store_true", help="all of them, not the base alone")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--out", type=pathlib.Path)
    a = ap.parse_args()
    only = a.only if a.variants else a.only + "-base"
    for family in FAMILIES:
        family["config"].update(FIXED.get(family["name"].replace("-body", ""), {}))
    sweep.make_all(a.root, only, a.seed)
    (a.root / "gguf").mkdir(exist_ok=True)
    tools, rows = converter(a.converter), []
    for family in FAMILIES:
        for task in family["tasks"]:
            for variant in family["variants"]:
                if task in TOLERANCE and fnmatch.fnmatch("%s-%s-%s" % (family["name"], task, variant), only):
                    rows.append(row_of(a, tools, family, task, variant))
                    print(line(rows[-1]), flush=True)
    print(", ".join("%d %s" % (n, word) for word, n in collections.Counter(row.word for row in rows).items()))
    if a.out:
        import importlib.metadata
        a.out.write_text(document(rows, importlib.metadata.version("gguf")), encoding="utf-8")
    sys.exit(any(row.word == "FAIL" for row in rows))


if __name__ == "__main__":
    main()
