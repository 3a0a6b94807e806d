-- Decoders with DeepSeek V3's experts beside Llama's attention: GLM-4.5, dots.llm1, Solar Open, K-EXAONE, MiniMax M2; and
-- ERNIE 4.5, whose router is a softmax. Experts are chosen by their scores with a bias, and weighed without it.
local hub, decoder = include "hub", include "decoder"

local heads = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

local function experts(t, layer, shared, biased)
  t.router = layer .. "gate.weight"
  for _, role in ipairs { "gate", "up", "down" } do
    t["expert_" .. role] = layer .. "experts.%e." .. role .. "_proj.weight"
    if shared then hub.layer(t, layer .. "shared_experts.", { ["shared_" .. role] = role .. "_proj" }, biased) end
  end
end

local function from_layer(c, first)
  local list = {}
  for i = 1, c.num_hidden_layers do list[i] = i > first end
  return list
end

local function glm(c, own)
  local t, grouped = own.tensors, (c.n_group or 1) > 1
  experts(t, "layers.%d.mlp.", true)
  t.router_choice_bias = { "layers.%d.mlp.gate.e_score_correction_bias", "layers.%d.mlp.e_score_correction_bias" }
  own.sparse = from_layer(c, c.model_type ~= "solar_open" and c.first_k_dense_replace or 0)
  own.experts = {
    routing = "sigmoid", count = c.n_routed_experts or c.num_experts or c.num_local_experts, chosen = c.num_experts_per_tok,
    ffn = c.moe_intermediate_size, shared = (c.n_shared_experts or c.num_shared_experts or 1) * (c.moe_intermediate_size or 0),
    groups = grouped and c.n_group or nil, groups_chosen = grouped and c.topk_group or nil, group_best = 2,
    renormalize = hub.first(c.norm_topk_prob, true), scale = c.routed_scaling_factor,
  }
  return own
end

local function minimax(c, own)
  local t, layer = own.tensors, "layers.%d.block_sparse_moe."
  t.router, t.router_choice_bias = layer .. "gate.weight", layer .. "e_score_correction_bias"
  for role, name in pairs { gate = "w1", up = "w3", down = "w2" } do
    t["expert_" .. role], t[role] = layer .. "experts.%e." .. name .. ".weight", nil
  end
  own.qk_norm = { kind = "rms" }
  if c.rotary_dim then own.position = hub.rotary(c, { dim = c.rotary_dim }) end
  own.experts = { routing = "sigmoid", count = c.num_local_experts, chosen = c.num_experts_per_tok, ffn = c.intermediate_size, renormalize = true }
  return own
end

local function ernie(c, own)
  local t, last, every, shared = own.tensors, c.moe_layer_end_index or -1, c.moe_layer_interval, c.moe_num_shared_experts
  experts(t, "layers.%d.mlp.", shared > 0, c.use_bias)
  if c.use_bias then t.head_bias = "lm_head.bias" end
  t.router_choice_bias = "layers.%d.mlp.moe_statics.e_score_correction_bias"
  own.sparse = {}
  if last < 0 then last = c.num_hidden_layers + last end
  for i = 1, c.num_hidden_layers do own.sparse[i] = i % every == 0 and i - 1 >= c.moe_layer_start_index and i - 1 <= last end
  own.experts = { routing = "softmax", count = c.moe_num_experts, chosen = c.moe_k, ffn = c.moe_intermediate_size,
    shared = shared > 0 and shared * c.moe_intermediate_size or nil, renormalize = true }
  own.position = hub.rotary(c, { interleaved = true })
  return own
end

local normed = { dots1 = true, minimax_m2 = true, exaone_moe = true }

return {
  name = "glmmoe",
  types = { "glm4_moe", "dots1", "solar_open", "minimax_m2", "exaone_moe", "ernie4_5_moe" },
  config = function(c)
    local parts, type = { decoder.norms, decoder.attention, decoder.ffn }, c.model_type
    local qk = normed[type] or type == "glm4_moe" and c.use_qk_norm
    if qk then parts[4] = heads end
    local bias = hub.first(c.attention_bias, c.use_bias)
    local out = type ~= "glm4_moe" and bias
    local own = { qk_norm = qk and { kind = "rms", heads = true } or nil,
      tensors = decoder.tensors(parts, decoder.biases(bias, out, c.use_bias)) }
    if type == "dots1" or type == "exaone_moe" then
      local by = hub.pattern(type == "exaone_moe" and (c.sliding_window_pattern or 4) or 1)
      own.window, own.sliding = c.sliding_window, c.sliding_window and hub.sliding(c, by)
    end
    if type == "exaone_moe" and own.sliding then -- only layers that slide rotate
      own.unrotated = {}
      for i, slides in ipairs(own.sliding) do own.unrotated[i] = not slides end
    end
    local run = type == "minimax_m2" and minimax or type == "ernie4_5_moe" and ernie or glm
    return decoder.spec(c, run(c, own))
  end,
}
