-- Granite: Llama with four multipliers: of embeddings, of what a part adds, of attention scores, of logits. Granite-MoE has
-- experts in one tensor, and may have one that all tokens pass.
local decoder = include "decoder"

local function experts(c, t)
  local layer, f = "layers.%d.block_sparse_moe.", c.intermediate_size or 0
  t.router = layer .. "router.layer.weight"
  t.expert_gate = { name = layer .. "input_linear.weight", part = true }
  t.expert_up = { name = layer .. "input_linear.weight", from = f, part = true }
  t.expert_down = layer .. "output_linear.weight"
  local shared = c.model_type == "granitemoeshared" and c.shared_intermediate_size or 0
  if shared > 0 then
    t.shared_gate = { name = "layers.%d.shared_mlp.input_linear.weight", part = true }
    t.shared_up = { name = "layers.%d.shared_mlp.input_linear.weight", from = shared, part = true }
    t.shared_down = "layers.%d.shared_mlp.output_linear.weight"
  end
  return { routing = "softmax_after", count = c.num_local_experts, chosen = c.num_experts_per_tok, ffn = f,
    shared = shared > 0 and shared or nil }
end

return {
  name = "granite",
  types = { "granite", "granitemoe", "granitemoeshared" },
  config = function(c)
    local sparse = c.model_type ~= "granite"
    local parts = { decoder.norms, decoder.attention, not sparse and decoder.ffn or nil }
    local t = decoder.tensors(parts, decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias))
    return decoder.spec(c, {
      embedding_scale = c.embedding_multiplier, residual_scale = c.residual_multiplier,
      attention_scale = c.attention_multiplier, logit_scale = c.logits_scaling and 1 / c.logits_scaling,
      experts = sparse and experts(c, t) or nil, tensors = t,
    })
  end,
}
