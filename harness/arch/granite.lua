-- Granite: Llama with four multipliers: of embeddings, of what a part adds, of attention scores, of logits. Granite-MoE has
-- experts in one tensor, and may have one that all tokens pass. Granite-SWA has windows in most layers, and sinks.
local hub, decoder = include "hub", include "decoder"

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

-- A theta for each layer, 0 for none: another one where layers slide is as far as they differ.
local function thetas(c)
  local position, unrotated, of = hub.rotary(c), {}, {}
  for i, theta in ipairs(c.layer_rope_theta or {}) do
    local kind = (c.layer_types or {})[i] == "sliding_attention" and "slow" or "full"
    unrotated[i] = theta == 0
    if theta > 0 and (of[kind] or theta) ~= theta then return nil, nil, "a theta of its own for each layer" end
    if theta > 0 then of[kind] = theta end
  end
  position.theta = of.full or of.slow or position.theta
  if of.slow and of.slow ~= position.theta then position.sliding = hub.with(position, { theta = of.slow }) end
  return #unrotated > 0 and unrotated or nil, position
end

return {
  name = "granite",
  types = { "granite", "granitemoe", "granitemoeshared", "granite_swa" },
  config = function(c)
    local slides = c.model_type == "granite_swa"
    local sparse = c.model_type ~= "granite" and not slides
    local parts = { decoder.norms, decoder.attention, not sparse and decoder.ffn or nil }
    local t = decoder.tensors(parts, decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias))
    local unrotated, position, trouble
    if slides then
      t.sinks = "layers.%d.self_attn.sinks"
      unrotated, position, trouble = thetas(c)
    end
    if trouble then return { unsupported = trouble } end
    return decoder.spec(c, {
      window = slides and c.sliding_window or nil, unrotated = unrotated, position = position or hub.rotary(c),
      sliding = slides and hub.sliding(c, function(i) return i % 4 ~= 1 end) or nil,
      embedding_scale = c.embedding_multiplier, residual_scale = c.residual_multiplier,
      attention_scale = c.attention_multiplier, logit_scale = c.logits_scaling and 1 / c.logits_scaling,
      experts = sparse and experts(c, t) or nil, tensors = t,
    })
  end,
}
