-- Persimmon: heads of q, k and v in turn in one tensor, half of each head rotated, layer norms on heads, and a plain
-- feed-forward part behind a squared ReLU. Every layer has biases.
local hub = include "hub"

return {
  name = "persimmon",
  types = { "persimmon" },
  config = function(c)
    local t = {
      embed = "embed_tokens.weight", final_norm = "final_layernorm.weight", final_norm_bias = "final_layernorm.bias",
      head = "lm_head.weight", class_out = "score.weight",
    }
    local names = {
      attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm", o = "self_attn.dense",
      up = "mlp.dense_h_to_4h", down = "mlp.dense_4h_to_h",
    }
    local normed = hub.first(c.qk_layernorm, true)
    if normed then names.q_norm, names.k_norm = "self_attn.q_layernorm", "self_attn.k_layernorm" end
    hub.layer(t, "layers.%d.", names, true)
    local dim = c.hidden_size and c.num_attention_heads and c.hidden_size // c.num_attention_heads or 0
    for i, role in ipairs { "q", "k", "v" } do
      local part = { from = (i - 1) * dim, run = dim, every = 3 * dim, name = "layers.%d.self_attn.query_key_value.weight" }
      t[role], t[role .. "_bias"] = part, hub.with(part, { name = "layers.%d.self_attn.query_key_value.bias" })
    end
    return hub.spec(c, {
      causal = true, activation = c.hidden_act or "relu2",
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-5, called = { eps = "layer_norm_eps" } },
      qk_norm = normed and { kind = "layer", heads = true } or nil,
      position = hub.rotary(c, not c.rope_parameters and { dim = math.floor(dim * (c.partial_rotary_factor or 0.5)) } or nil),
      classifier = hub.classifier(c, "last"),
      prefixes = { "model.", "" }, tensors = t, ignore = { "rotary_emb.inv_freq" },
    })
  end,
}
