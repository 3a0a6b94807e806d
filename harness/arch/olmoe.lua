-- OLMoE: Llama with experts, q and k normed over all heads; FlexOlmo has its norms behind the parts.
local hub, decoder = include "hub", include "decoder"

local function olmoe(c, t)
  t.router = "layers.%d.mlp.gate.weight"
  decoder.experts(t, "layers.%d.", decoder.gate_up_down)
  hub.layer(t, "layers.%d.", { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" })
  return { qk_norm = { kind = "rms" }, qkv_clip = c.clip_qkv,
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
    experts = { routing = "softmax", count = c.num_experts, renormalize = c.norm_topk_prob, ffn = c.intermediate_size } }
end

local function flexolmo(c, t)
  t.attn_norm, t.attn_out_norm = nil, "layers.%d.post_attention_layernorm.weight"
  t.mlp_norm, t.mlp_out_norm = nil, "layers.%d.post_feedforward_layernorm.weight"
  local own = olmoe(c, t)
  own.norm.eps = c.rms_norm_eps or 1e-6
  return own
end

return {
  name = "olmoe",
  types = { "olmoe", "flex_olmo" },
  config = function(c)
    local t = decoder.tensors({ decoder.norms, decoder.attention }, decoder.biases(c.attention_bias, c.attention_bias, false))
    local own = (c.model_type == "olmoe" and olmoe or flexolmo)(c, t)
    own.tensors, own.experts.chosen = t, c.num_experts_per_tok
    return decoder.spec(c, own)
  end,
}
