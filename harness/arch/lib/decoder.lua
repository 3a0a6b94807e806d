-- Decoders under the names that Llama gave to modules: most of the hub.
local hub = include "hub"
local decoder = {}

decoder.attention = {
  q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj",
}
decoder.ffn = { gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj" }
decoder.norms = { attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm" }

-- Experts' tensors, by the names of their parts under `layer`.
decoder.gate_up_down = { gate = "mlp.experts.%e.gate_proj", up = "mlp.experts.%e.up_proj", down = "mlp.experts.%e.down_proj" }
function decoder.experts(t, layer, names)
  for role, name in pairs(names) do t["expert_" .. role] = layer .. name .. ".weight" end
end

-- Which roles have biases: by groups, each a flag.
function decoder.biases(qkv, o, ffn)
  return { q = qkv, k = qkv, v = qkv, o = o, gate = ffn, up = ffn, down = ffn }
end

-- Tensors of a decoder. parts: tables of role = module; biased: see hub.layer.
function decoder.tensors(parts, biased)
  local t = {
    embed = "embed_tokens.weight", final_norm = "norm.weight", head = "lm_head.weight", class_out = "score.weight",
  }
  for _, names in ipairs(parts) do hub.layer(t, "layers.%d.", names, biased) end
  return t
end

-- q, k and v, or gate and up, one after the other in the rows of one tensor.
function decoder.stacked(t, name, sizes)
  local from = 0
  for _, part in ipairs(sizes) do
    t[part[1]] = { name = name, from = from, part = true }
    from = from + part[2]
  end
  return t
end

-- A spec for such a decoder: RMS norms before each part, rotary positions, a gated feed-forward part.
function decoder.spec(c, own)
  return hub.spec(c, hub.with({
    causal = true, gated = true,
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-6, called = { eps = "rms_norm_eps" } },
    position = hub.rotary(c),
    classifier = hub.classifier(c, "last"),
    prefixes = { "model.", "", "language_model.model.", "model.language_model." },
    ignore = { "rotary_emb.inv_freq" },
  }, own))
end

return decoder
