#!/usr/bin/env python3
"""What torch makes of the model fixtures in bfloat16, as JSON on stdout: {"versions", "models": {name: {"numbers", "weights"} or {"reason"}}}.

    torch_bf16.py MODELS_DIR [NAME ...]

Run by bf16.py with a Python that has torch and transformers; on $ASSAY_TORCH_DEVICE (cpu). The passes are the references' own: eager attention, one thread, a
whole sequence at a time, nothing padded. A model is loaded as people load it (`dtype=torch.bfloat16`), which keeps in float32 what
transformers keeps so; its outputs are pooled, and become log-probabilities, in float32 and float64. "weights" is what a pass in
float32 makes of weights that were rounded to bfloat16: how much of a deviation is the file's and not the pass's."""
import json, os, sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch, transformers

DEVICE = os.environ.get("ASSAY_TORCH_DEVICE", "cpu")


def tensor(rows):
    return torch.tensor(rows, device=DEVICE)


def log_probabilities(logits):
    return torch.log_softmax(logits.double(), -1)


def decoder(model, reference):
    """Every next token's log-probability, then the whole vocabulary's behind the last token."""
    numbers = []
    for row in reference["sequences"]:
        found = log_probabilities(model(tensor([row["ids"]])).logits[0])
        numbers.append([found[t, token].item() for t, token in enumerate(row["ids"][1:])] + found[-1].tolist())
    return numbers


def seq2seq(model, reference):
    numbers = []
    for row in reference["sequences"]:
        found = log_probabilities(model(input_ids=tensor([row["encoder_ids"]]), decoder_input_ids=tensor([row["decoder_input_ids"]])).logits[0])
        numbers.append([found[t, token].item() for t, token in enumerate(row["labels"])])
    return numbers


def encoder(model, reference):
    numbers = []
    for ids in reference["sequences"]:
        rows = model(tensor([ids]), attention_mask=tensor([[1] * len(ids)])).last_hidden_state[0].float()
        numbers.append([x for pooled in (rows.mean(0), rows[0], rows[-1], rows.max(0).values) for x in pooled.tolist()])
    return numbers


def classifier(model, reference):
    return [model(tensor([ids]), attention_mask=tensor([[1] * len(ids)])).logits[0].tolist() for ids in reference["sequences"]]


TASKS = {"dec": decoder, "s2s": seq2seq, "enc": encoder, "cls": classifier}


def load(folder, dtype):
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    return getattr(transformers, architecture).from_pretrained(folder, dtype=dtype, attn_implementation="eager").to(DEVICE).eval()


def round_weights(model):
    for weight in model.parameters():
        weight.data = weight.data.bfloat16().float()
    return model


def outcome(folder):
    reference = json.loads((folder / "reference.json").read_text())
    # A configuration as remote code spells it: the same weights lie beside it in transformers' own spelling.
    of = folder.parent / reference.get("derived_from", folder.name)
    run = lambda model: TASKS[reference["task"]](model, reference["reference"])
    with torch.no_grad():
        return {"numbers": run(load(of, torch.bfloat16)), "weights": run(round_weights(load(of, torch.float32)))}


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    root, models = Path(sys.argv[1]), {}
    for path in sorted(root.glob("*/reference.json")):
        name = path.parent.name
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        try:
            models[name] = outcome(path.parent)
        except Exception as error:      # one that this transformers can't run is a line of the table, not the end
            models[name] = {"reason": f"{type(error).__name__}: {error}".splitlines()[0]}
    json.dump({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}, "models": models}, sys.stdout)


if __name__ == "__main__":
    main()
