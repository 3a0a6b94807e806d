-- ModernBERT: pre-norm layer norms without bias, rotary positions, GeGLU with both halves in one tensor; of every few
-- layers one sees all, the others a window to both sides, with another theta. The first layer has no norm before
-- attention: the embedding's stands there.
local hub = include "hub"

local function tensors(c)
  local width, ffn, layer = c.hidden_size or 0, c.intermediate_size or 0, "layers.%d."
  local t = {
    embed = "embeddings.tok_embeddings.weight", embed_norm = "embeddings.norm.weight", final_norm = "final_norm.weight",
    class_dense = "head.dense.weight", class_norm = "head.norm.weight",
    class_out = "classifier.weight", class_out_bias = "classifier.bias",
    attn_norm = { name = layer .. "attn_norm.weight", optional = true },
    mlp_norm = layer .. "mlp_norm.weight", o = layer .. "attn.Wo.weight", down = layer .. "mlp.Wo.weight",
  }
  local function biased(role, name) t[role .. "_bias"] = name:gsub("weight$", "bias") end
  for i, role in ipairs { "q", "k", "v" } do
    t[role] = { name = layer .. "attn.Wqkv.weight", from = (i - 1) * width, part = true }
    if c.attention_bias then
      t[role .. "_bias"] = { name = layer .. "attn.Wqkv.bias", from = (i - 1) * width, part = true }
    end
  end
  -- the first half goes through the activation, the second is what it gates
  t.gate = { name = layer .. "mlp.Wi.weight", part = true }
  t.up = { name = layer .. "mlp.Wi.weight", from = ffn, part = true }
  if c.attention_bias then biased("o", t.o) end
  if c.mlp_bias then
    biased("down", t.down)
    t.gate_bias = { name = layer .. "mlp.Wi.bias", part = true }
    t.up_bias = { name = layer .. "mlp.Wi.bias", from = ffn, part = true }
  end
  if c.norm_bias then
    for _, role in ipairs { "embed_norm", "final_norm", "class_norm", "mlp_norm" } do biased(role, t[role]) end
    t.attn_norm_bias = { name = layer .. "attn_norm.bias", optional = true }
  end
  if c.classifier_bias then biased("class_dense", t.class_dense) end
  return t
end

return {
  name = "modernbert",
  types = { "modernbert" },
  config = function(c)
    local every = c.global_attn_every_n_layers or 3
    local position = hub.rotary(c, nil, "full_attention")
    if not c.rope_parameters then position.theta = c.global_rope_theta end
    position.sliding = hub.rotary(c, nil, "sliding_attention")
    if not c.rope_parameters then position.sliding.theta = c.local_rope_theta end
    return hub.spec(c, {
      causal = false, gated = true, activation = c.hidden_activation or "gelu",
      norm = { kind = "layer", eps = c.norm_eps or 1e-5, called = { eps = "norm_eps" } },
      position = position,
      window = (c.local_attention or 128) // 2 + 1,
      sliding = hub.sliding(c, function(i) return (i - 1) % every ~= 0 end),
      classifier = hub.classifier(c, c.classifier_pooling or "cls", c.classifier_activation or "gelu"),
      prefixes = { "model.", "" }, tensors = tensors(c), ignore = { "decoder.bias", "decoder.weight" },
    })
  end,
}
