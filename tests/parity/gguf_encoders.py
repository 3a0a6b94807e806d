#!/usr/bin/env python3
"""Encoders that GGUF files have and transformers has not: each by its definition in torch, beside Assay on the same file.

    gguf_encoders.py --assay BIN

Jina 2 (ALiBi to both sides, a gate), Jina 3 and NomicBERT with experts (rotary positions, norms behind the parts), NeoBERT
(rotary pairs, RMS norms before them). Weights are noise; the mean of the rows is compared: 2e-5 passes."""
import argparse, json, math, subprocess, sys, tempfile
from pathlib import Path

try:
    import gguf, torch
    from torch.nn.functional import gelu, layer_norm, silu
except ImportError as missing:
    print("skipped: %s" % missing, file=sys.stderr)
    sys.exit(77)

WIDTH, HEADS, FFN, LAYERS, VOCAB, EXPERTS = 48, 6, 40, 3, 101, 4
DIM = WIDTH // HEADS
KINDS = ("jina-bert-v2", "jina-bert-v3", "nomic-bert-moe", "neo-bert")


def behind(kind): return kind != "neo-bert"  # norms
def sparse(kind, layer): return kind == "nomic-bert-moe" and layer % 2 == 1


def shapes(kind):
    """Tensors' names and shapes."""
    yield "token_embd.weight", (VOCAB, WIDTH)
    if behind(kind):
        yield "token_types.weight", (2, WIDTH)
        yield from (("token_embd_norm." + end, (WIDTH,)) for end in ("weight", "bias"))
    else:
        yield "enc.output_norm.weight", (WIDTH,)
    for layer in range(LAYERS):
        for name, shape in layer_shapes(kind, layer):
            yield "blk.%d.%s" % (layer, name), shape


def layer_shapes(kind, layer):
    bias = ("bias",) if behind(kind) else ()
    fused = [("attn_qkv", 3 * WIDTH)] if kind != "jina-bert-v2" else [("attn_q", WIDTH), ("attn_k", WIDTH), ("attn_v", WIDTH)]
    for name, rows in fused + [("attn_output", WIDTH)]:
        yield name + ".weight", (rows, WIDTH)
        yield from ((name + "." + end, (rows,)) for end in bias)
    for name in ("attn_output_norm", "layer_output_norm") if behind(kind) else ("attn_norm", "ffn_norm"):
        yield from ((name + "." + end, (WIDTH,)) for end in ("weight",) + bias)
    if sparse(kind, layer):
        yield from (("ffn_gate_inp.weight", (EXPERTS, WIDTH)), ("ffn_up_exps.weight", (EXPERTS, FFN, WIDTH)), ("ffn_down_exps.weight", (EXPERTS, WIDTH, FFN)))
        return
    gated = kind in ("jina-bert-v2", "neo-bert")
    yield from (("ffn_up.weight", (FFN * (1 + gated), WIDTH)), ("ffn_down.weight", (WIDTH, FFN)))
    if behind(kind):
        yield "ffn_down.bias", (WIDTH,)
        if not gated:
            yield "ffn_up.bias", (FFN,)


def noise(name, shape):
    if len(shape) > 1:
        return torch.randn(*shape) * (0.7 if "embd" in name else 1.3 / math.sqrt(shape[-1]))
    return (1 if name.endswith("norm.weight") else 0) + 0.2 * torch.randn(*shape)


def write(path, kind, tensors):
    w = gguf.GGUFWriter(path, kind)
    for add, n in ((w.add_block_count, LAYERS), (w.add_embedding_length, WIDTH), (w.add_feed_forward_length, FFN), (w.add_head_count, HEADS),
                   (w.add_context_length, 64), (w.add_token_type_count, 2), (w.add_layer_norm_eps, 1e-12), (w.add_layer_norm_rms_eps, 1e-6)):
        add(n)
    if kind == "nomic-bert-moe":
        for add, n in ((w.add_expert_count, EXPERTS), (w.add_expert_used_count, 2), (w.add_moe_every_n_layers, 2)):
            add(n)
    for name, value in tensors.items():
        w.add_tensor(name, value.numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


# ---- the definitions ----

def slopes():
    """As ALiBi's own code has them: where heads are no power of two, every second of the next one's follows."""
    whole = 2 ** int(math.log2(HEADS))
    return torch.tensor([2 ** (-8 * (h + 1) / whole) if h < whole else 2 ** (-4 * (2 * (h - whole) + 1) / whole) for h in range(HEADS)])


def rotated(x, pairs):
    angles = torch.arange(len(x)).float()[:, None] * 10000.0 ** (-torch.arange(0, DIM, 2).float() / DIM)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b = (x[..., 0::2], x[..., 1::2]) if pairs else (x[..., :DIM // 2], x[..., DIM // 2:])
    turned = (a * cos - b * sin, a * sin + b * cos)
    return torch.stack(turned, -1).flatten(-2) if pairs else torch.cat(turned, -1)


class Weights:
    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, name):
        return self.tensors.get(self.prefix + name)

    def product(self, x, name):
        bias = self[name + ".bias"]
        return x @ self[name + ".weight"].T + (0 if bias is None else bias)

    def norm(self, x, name):
        return layer_norm(x, (WIDTH,), self[name + ".weight"], self[name + ".bias"], 1e-12)

    def rms(self, x, name):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * self[name + ".weight"]


def attention(w, x, kind):
    n = len(x)
    parts = w.product(x, "attn_qkv").split(WIDTH, -1) if w["attn_qkv.weight"] is not None else [w.product(x, "attn_" + r) for r in "qkv"]
    q, k, v = (part.view(n, HEADS, DIM) for part in parts)
    if kind != "jina-bert-v2":
        q, k = (rotated(part, kind == "neo-bert") for part in (q, k))
    scores = torch.einsum("ihd,jhd->hij", q, k) / math.sqrt(DIM)
    if kind == "jina-bert-v2":
        scores = scores - slopes()[:, None, None] * (torch.arange(n)[:, None] - torch.arange(n)).abs()
    return w.product(torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(n, WIDTH), "attn_output")


def experts(w, x):
    weights, chosen = w.product(x, "ffn_gate_inp").softmax(-1).topk(2)
    each = [gelu(x @ up.T) @ down.T for up, down in zip(w["ffn_up_exps.weight"], w["ffn_down_exps.weight"])]
    return torch.stack([sum(weights[i, j] * each[chosen[i, j]][i] for j in range(2)) for i in range(len(x))])


def feed_forward(w, x, kind):
    if w["ffn_gate_inp.weight"] is not None:
        return experts(w, x)
    up = w.product(x, "ffn_up")
    gate = {"jina-bert-v2": gelu, "neo-bert": silu}.get(kind)
    return w.product(gate(up[:, :FFN]) * up[:, FFN:] if gate else gelu(up), "ffn_down")


def rows(kind, tensors, ids):
    w = Weights(tensors)
    x = w["token_embd.weight"][ids]
    if behind(kind):
        x = w.norm(x + w["token_types.weight"][0], "token_embd_norm")
    for layer in range(LAYERS):
        w = Weights(tensors, "blk.%d." % layer)
        if behind(kind):
            x = w.norm(x + attention(w, x, kind), "attn_output_norm")
            x = w.norm(x + feed_forward(w, x, kind), "layer_output_norm")
        else:
            x = x + attention(w, w.rms(x, "attn_norm"), kind)
            x = x + feed_forward(w, w.rms(x, "ffn_norm"), kind)
    return x if behind(kind) else Weights(tensors).rms(x, "enc.output_norm")


def distance(assay, kind):
    torch.manual_seed(3)
    tensors = {name: noise(name, shape) for name, shape in shapes(kind)}
    ids = torch.randint(0, VOCAB, (17,))
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / (kind + ".gguf"))
        write(path, kind, tensors)
        run = subprocess.run([assay, "embed", path, "--pooling", "mean", "--no-normalize", "--device", "cpu"], capture_output=True, text=True, check=True,
                             input=json.dumps({"id": 1, "ids": ids.tolist()}) + "\n")
    found = torch.tensor(json.loads(run.stdout)["embedding"])
    return float((found - rows(kind, tensors, ids).mean(0)).abs().max())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--assay", required=True)
    worst = {kind: distance(ap.parse_args().assay, kind) for kind in KINDS}
    for kind, found in worst.items():
        print("%-16s %.2g %s" % (kind, found, "pass" if found <= 2e-5 else "FAIL"))
    sys.exit(any(found > 2e-5 for found in worst.values()))


if __name__ == "__main__":
    main()
