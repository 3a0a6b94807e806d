-- ModernBERT as a decoder: its layers with q, k and v in tensors of their own, and a dense layer with a norm before the
-- head. The first layer has no norm before attention: the embedding's stands there.
local hub = include "hub"

local function tensors(c)
  local layer, ffn = "layers.%d.", c.intermediate_size or 0
  local t = { embed = "embeddings.tok_embeddings.weight", head = "decoder.weight", head_bias = { name = "decoder.bias", optional = true },
    class_out = "classifier.weight", class_out_bias = { name = "classifier.bias", optional = true } }
  hub.layer(t, layer, { q = "attn.q_proj", k = "attn.k_proj", v = "attn.v_proj", o = "attn.Wo", down = "mlp.Wo", mlp_norm = "mlp_norm" },
    { q = c.attention_bias, k = c.attention_bias, v = c.attention_bias, o = c.attention_bias, down = c.mlp_bias, mlp_norm = c.norm_bias })
  local biased = { embed_norm = c.norm_bias, final_norm = c.norm_bias }
  hub.layer(t, "", { embed_norm = "embeddings.norm", final_norm = "final_norm" }, biased)
  -- before the head, and before a classifier's last layer, whose dense layer goes by another name
  hub.layer(t, "", { head_dense = "lm_head.dense", head_norm = "lm_head.norm" }, { head_dense = c.classifier_bias, head_norm = c.norm_bias })
  hub.layer(t, "", { class_dense = "head.dense", class_norm = "head.norm" }, { class_dense = c.classifier_bias, class_norm = c.norm_bias })
  t.attn_norm = { name = layer .. "attn_norm.weight", optional = true }
  if c.norm_bias then t.attn_norm_bias = { name = layer .. "attn_norm.bias", optional = true } end
  for role, from in pairs { gate = 0, up = ffn } do
    t[role] = { name = layer .. "mlp.Wi.weight", from = from, part = true }
    if c.mlp_bias then t[role .. "_bias"] = { name = layer .. "mlp.Wi.bias", from = from, part = true } end
  end
  return t
end

return {
  name = "modernbertdecoder",
  types = { "modernbert-decoder" },
  config = function(c)
    local every, position = c.global_attn_every_n_layers or 3, hub.rotary(c, nil, "full_attention")
    position.sliding = hub.rotary(c, nil, "sliding_attention")
    if not c.rope_parameters then
      position.theta, position.sliding.theta = c.global_rope_theta, c.local_rope_theta or c.global_rope_theta
    end
    return hub.spec(c, {
      causal = true, gated = true, activation = c.hidden_activation or "gelu",
      norm = { kind = "layer", eps = c.norm_eps or 1e-5, called = { eps = "norm_eps" } }, position = position,
      window = (c.local_attention or 128) // 2, sliding = hub.sliding(c, function(i) return (i - 1) % every ~= 0 end),
      tied = hub.first(c.tie_word_embeddings, true), head_activation = c.classifier_activation or "gelu",
      classifier = hub.classifier(c, "last", c.classifier_activation or "gelu"),
      prefixes = { "model.", "" }, tensors = tensors(c),
    })
  end,
}
