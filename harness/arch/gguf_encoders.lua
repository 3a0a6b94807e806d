-- Encoders as GGUF files describe them: BERT (learned positions), NomicBERT (rotary ones, a gate).
local gguf = include "gguf"

local function encoder(of, t, own)
  t.embed_norm, t.embed_norm_bias = "token_embd_norm.weight", "token_embd_norm.bias"
  t.token_type = { name = "token_types.weight", optional = true }
  t.head, t.final_norm, t.final_norm_bias = nil, nil, nil
  own.tensors, own.causal = t, false
  own.norm = { kind = "layer", eps = of "attention.layer_norm_epsilon", after = true }
  return own
end

local norms = { attn_norm = "attn_output_norm", mlp_norm = "layer_output_norm" }

local function bert(m, of)
  local t = gguf.tensors(norms, "any")
  t.gate, t.gate_bias, t.position = nil, nil, "position_embd.weight"
  return encoder(of, t, {
    gated = false, activation = "gelu", token_types = m["tokenizer.ggml.token_type_count"] or 2,
    position = { kind = "learned", count = of "context_length" },
  })
end

local function nomic(m, of)
  local t, width = gguf.tensors(norms, "any"), of "embedding_length" or 0
  for i, role in ipairs { "q", "k", "v" } do
    t[role] = { name = "blk.%d.attn_qkv.weight", from = (i - 1) * width, part = true }
    t[role .. "_bias"] = { name = "blk.%d.attn_qkv.bias", from = (i - 1) * width, part = true, optional = true }
  end
  return encoder(of, t, { token_types = m["tokenizer.ggml.token_type_count"] or 2 })
end

return {
  name = "gguf_encoders",
  types = {},
  gguf = { "bert", "nomic-bert" },
  metadata = function(m)
    local name = m["general.architecture"]
    local function of(key) return m[name .. "." .. key] end
    return gguf.spec(m, name, gguf.measured(of) and (name == "bert" and bert or nomic)(m, of) or { tensors = gguf.tensors() })
  end,
}
