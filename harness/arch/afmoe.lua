-- AFMoE (Trinity): norms before and behind each part, norms of heads, attention behind a gate, windows in three layers of
-- four, of which only these rotate; experts as DeepSeek V3 chooses them, beside shared ones, behind some dense layers.
local hub, decoder = include "hub", include "decoder"

local layer = "layers.%d."
local parts = {
  attn_norm = "input_layernorm", attn_out_norm = "post_attention_layernorm",
  mlp_norm = "pre_mlp_layernorm", mlp_out_norm = "post_mlp_layernorm",
  q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm", attn_gate = "self_attn.gate_proj",
}

local function experts(c, t)
  t.router, t.router_choice_bias = layer .. "mlp.router.gate.weight", layer .. "mlp.expert_bias"
  decoder.experts(t, layer, decoder.gate_up_down)
  local shared = (c.num_shared_experts or 2) * (c.moe_intermediate_size or 0)
  for _, role in ipairs(shared > 0 and { "gate", "up", "down" } or {}) do
    t["shared_" .. role] = layer .. "mlp.shared_experts." .. role .. "_proj.weight"
  end
  return { routing = "sigmoid", count = c.num_experts, chosen = c.num_experts_per_tok, ffn = c.moe_intermediate_size,
    shared = shared > 0 and shared or nil, renormalize = true, scale = c.route_scale }
end

return {
  name = "afmoe",
  types = { "afmoe" },
  config = function(c)
    local t = decoder.tensors({ parts, decoder.attention, decoder.ffn }, decoder.biases(c.attention_bias, c.attention_bias, false))
    local own = { tensors = t, experts = experts(c, t), sparse = {}, unrotated = {}, window = c.sliding_window,
      qk_norm = { kind = "rms", heads = true } }
    own.sliding = hub.sliding(c, hub.pattern(c.global_attn_every_n_layers or 4))
    for i = 1, c.num_hidden_layers do
      own.sparse[i], own.unrotated[i] = i > (c.num_dense_layers or 1), not own.sliding[i]
    end
    own.embedding_scale = c.mup_enabled and c.hidden_size and c.hidden_size ^ 0.5 or nil
    return decoder.spec(c, own)
  end,
}
