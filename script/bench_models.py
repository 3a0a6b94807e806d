"""Models with random weights, of any size, for measuring: a folder with config.json and model.safetensors in bf16. Weights are small
noise, a block of it over and over; norms are ones. What such a model says means nothing, and how fast it says it is what counts."""
import json
import os
import random
import struct

RANDOM = random.Random(7)
NOISE = bytes(b for _ in range(1 << 16) for b in (RANDOM.randrange(256), RANDOM.choice((0x3C, 0xBC))))  # ±0.008 to 0.03
ONE = struct.pack("<H", 0x3F80)

# name: kind, layers, width, heads, feed-forward width, vocabulary, positions, of a decoder: heads of keys (as many), a head of its own (no)
SHAPES = {"10M": ("llama", 8, 256, 4, 1024, 8192, 8448), "30M": ("llama", 12, 384, 6, 1152, 16384, 8448),
          "100M": ("llama", 12, 768, 12, 2048, 16384, 8448), "300M": ("llama", 24, 1024, 16, 2560, 16384, 8448),
          "1B": ("llama", 18, 2048, 32, 5632, 16384, 8448), "encoder": ("bert", 6, 384, 12, 1536, 30522, 512),
          "bert-large": ("bert", 24, 1024, 16, 4096, 30522, 512), "llama-1B": ("llama", 16, 2048, 32, 8192, 128256, 8448, 8),
          "llama-8B": ("llama", 32, 4096, 32, 14336, 128256, 8448, 8, True), "smollm2": ("llama", 30, 576, 9, 1536, 49152, 8448, 3),
          "tiny": ("llama", 2, 64, 2, 128, 512, 8448), "tiny-encoder": ("bert", 2, 64, 2, 128, 512, 512),
          "tiny-grouped": ("llama", 6, 64, 4, 128, 512, 8448, 2, True)}


def llama(layers, width, heads, ffn, vocabulary, positions, kv_heads=None, own_head=False):
    kv_heads = kv_heads or heads
    kv = width // heads * kv_heads
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": ffn,
              "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": vocabulary,
              "max_position_embeddings": positions, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
              "tie_word_embeddings": not own_head, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}
    tensors = {"model.embed_tokens.weight": (vocabulary, width), "model.norm.weight": (width,)}
    if own_head:
        tensors["lm_head.weight"] = (vocabulary, width)
    for i in range(layers):
        at = f"model.layers.{i}."
        tensors |= {at + f"self_attn.{p}_proj.weight": (kv if p in "kv" else width, width) for p in "qkvo"}
        tensors |= {at + "mlp.gate_proj.weight": (ffn, width), at + "mlp.up_proj.weight": (ffn, width), at + "mlp.down_proj.weight": (width, ffn)}
        tensors |= {at + "input_layernorm.weight": (width,), at + "post_attention_layernorm.weight": (width,)}
    return config, tensors


def bert(layers, width, heads, ffn, vocabulary, positions):
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": width, "intermediate_size": ffn, "num_hidden_layers": layers,
              "num_attention_heads": heads, "vocab_size": vocabulary, "max_position_embeddings": positions, "type_vocab_size": 2,
              "layer_norm_eps": 1e-12, "hidden_act": "gelu", "torch_dtype": "bfloat16"}
    tensors = {"embeddings.word_embeddings.weight": (vocabulary, width), "embeddings.position_embeddings.weight": (positions, width),
               "embeddings.token_type_embeddings.weight": (2, width)}
    tensors |= {f"embeddings.LayerNorm.{p}": (width,) for p in ("weight", "bias")}
    for i in range(layers):
        at = f"encoder.layer.{i}."
        linear = {"attention.self.query": (width, width), "attention.self.key": (width, width), "attention.self.value": (width, width),
                  "attention.output.dense": (width, width), "intermediate.dense": (ffn, width), "output.dense": (width, ffn)}
        tensors |= {f"{at}{name}.weight": shape for name, shape in linear.items()}
        tensors |= {f"{at}{name}.bias": shape[:1] for name, shape in linear.items()}
        tensors |= {f"{at}{norm}.LayerNorm.{p}": (width,) for norm in ("attention.output", "output") for p in ("weight", "bias")}
    return config, tensors


def elements(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def write_noise(f, n_bytes):
    while n_bytes > 0:
        n_bytes -= f.write(NOISE[:min(n_bytes, len(NOISE))])


def write(folder, config, tensors):
    head, at = {}, 0
    for name, shape in tensors.items():
        head[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + 2 * elements(shape)]}
        at += 2 * elements(shape)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 64)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors.items():
            f.write(ONE * shape[0]) if len(shape) == 1 and name.endswith("weight") else write_noise(f, 2 * elements(shape))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)


def describe(name):
    """Its configuration, and the shapes of its tensors by name."""
    kind, *shape = SHAPES[name]
    return {"llama": llama, "bert": bert}[kind](*shape)


def make(name, root):
    """The folder of a model; made where it is not there. A folder that is there is whole: it was renamed to its name."""
    folder = os.path.join(root, name)
    if not os.path.isdir(folder):
        unfinished = f"{folder}.{os.getpid()}"
        os.makedirs(unfinished)
        write(unfinished, *describe(name))
        os.rename(unfinished, folder)
    return folder
