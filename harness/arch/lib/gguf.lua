-- GGUF files: metadata under the architecture's name, tensors under names that all share.
local gguf = {}

-- m: the metadata; name: of the architecture; own: fields of the spec that differ.
function gguf.spec(m, name, own)
  local function of(key) return m[name .. "." .. key] end
  local spec = {
    layers = of "block_count", width = of "embedding_length", heads = of "attention.head_count",
    kv_heads = of "attention.head_count_kv", head_dim = of "attention.key_length", ffn = of "feed_forward_length",
    max_length = of "context_length",
    causal = true, gated = true, activation = "silu",
    norm = { kind = "rms", eps = of "attention.layer_norm_rms_epsilon" },
    position = {
      kind = "rotary", theta = of "rope.freq_base" or 10000.0, dim = of "rope.dimension_count",
      scaling = of "rope.scaling.type" or "default", factor = of "rope.scaling.factor",
      original_length = of "rope.scaling.original_context_length",
    },
    tied = "if missing",
    prefixes = { "" },
    ignore = { "rope_freqs.weight" },
    eos = m["tokenizer.ggml.eos_token_id"], bos = m["tokenizer.ggml.bos_token_id"],
  }
  for k, v in pairs(own or {}) do spec[k] = v end
  return spec
end

-- Tensors by role; those in `more` come on top (without blk.%d.).
function gguf.tensors(more, biases)
  local t = { embed = "token_embd.weight", final_norm = "output_norm.weight", head = "output.weight" }
  local names = {
    attn_norm = "attn_norm", mlp_norm = "ffn_norm", q = "attn_q", k = "attn_k", v = "attn_v", o = "attn_output",
    gate = "ffn_gate", up = "ffn_up", down = "ffn_down",
  }
  for role, name in pairs(more or {}) do names[role] = name end
  for role, name in pairs(names) do
    t[role] = "blk.%d." .. name .. ".weight"
    if biases and biases[role] then t[role .. "_bias"] = "blk.%d." .. name .. ".bias" end
  end
  return t
end

return gguf
