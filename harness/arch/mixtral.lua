-- Decoders like Llama with experts in place of the feed-forward part: Mixtral, Qwen2-MoE (a shared expert under a gate of
-- its own), Qwen3-MoE (norms on heads), OLMoE (q and k normed over all heads), Granite-MoE (experts in one tensor).
local hub, decoder = include "hub", include "decoder"
local defaults = include "defaults"

local function experts(t, layer, names)
  for role, name in pairs(names) do t["expert_" .. role] = layer .. name .. ".weight" end
end

-- Layers that keep one dense part: those named, and all but every n-th.
local function sparse(c)
  local list, dense, step = {}, {}, c.decoder_sparse_step or 1
  for _, l in ipairs(c.mlp_only_layers or {}) do dense[l + 1] = true end
  for i = 1, c.num_hidden_layers do list[i] = not dense[i] and i % step == 0 end
  return list
end

local gate_up_down = { gate = "mlp.experts.%e.gate_proj", up = "mlp.experts.%e.up_proj", down = "mlp.experts.%e.down_proj" }

local function mixtral(c, t)
  t.router = { "layers.%d.block_sparse_moe.gate.weight", "layers.%d.mlp.gate.weight" }
  experts(t, "layers.%d.block_sparse_moe.experts.%e.", { gate = "w1", up = "w3", down = "w2" })
  return { experts = { routing = "softmax", count = c.num_local_experts, renormalize = true, ffn = c.intermediate_size },
    window = c.sliding_window }
end

local function qwen(c, t)
  t.router = "layers.%d.mlp.gate.weight"
  experts(t, "layers.%d.", gate_up_down)
  local shared = c.model_type == "qwen2_moe" and c.shared_expert_intermediate_size or nil
  if shared then
    hub.layer(t, "layers.%d.mlp.", { shared_gate = "shared_expert.gate_proj", shared_up = "shared_expert.up_proj",
      shared_down = "shared_expert.down_proj", shared_weight = "shared_expert_gate" })
  end
  local qk = c.model_type == "qwen3_moe" and { kind = "rms", heads = true } or nil
  if qk then hub.layer(t, "layers.%d.", { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }) end
  local window = c.use_sliding_window and c.sliding_window or nil
  return {
    sparse = sparse(c), qk_norm = qk, window = window ~= 0 and window or nil,
    -- Qwen3's slide in all layers, Qwen2's in every second of the first ones
    sliding = window and window ~= 0 and not qk and hub.sliding(c, function(i)
      return i % 2 == 1 and i <= (c.max_window_layers or 28)
    end) or nil,
    experts = { routing = "softmax", count = c.num_experts or c.num_local_experts, renormalize = c.norm_topk_prob,
      ffn = c.moe_intermediate_size, shared = shared },
  }
end

local function olmoe(c, t)
  t.router = "layers.%d.mlp.gate.weight"
  experts(t, "layers.%d.", gate_up_down)
  hub.layer(t, "layers.%d.", { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" })
  return { qk_norm = { kind = "rms" }, qkv_clip = c.clip_qkv,
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
    experts = { routing = "softmax", count = c.num_experts, renormalize = c.norm_topk_prob, ffn = c.intermediate_size } }
end

-- FlexOlmo: OLMoE with norms behind the parts.
local function flexolmo(c, t)
  t.attn_norm, t.attn_out_norm = nil, "layers.%d.post_attention_layernorm.weight"
  t.mlp_norm, t.mlp_out_norm = nil, "layers.%d.post_feedforward_layernorm.weight"
  local own = olmoe(c, t)
  own.norm.eps = c.rms_norm_eps or 1e-6
  return own
end

-- Phi-3.5-MoE: layer norms, and two experts that are chosen one after the other, each against those that come near it.
local function phimoe(c, t)
  local own = mixtral(c, t)
  own.norm = { kind = "layer", eps = c.rms_norm_eps, called = { eps = "rms_norm_eps" } }
  for _, role in ipairs { "attn_norm", "mlp_norm", "final_norm" } do t[role .. "_bias"] = t[role]:gsub("weight$", "bias") end
  if c.lm_head_bias then t.head_bias = "lm_head.bias" end
  local s = c.rope_parameters or c.rope_scaling or {}
  if s.short_mscale ~= s.long_mscale then return { unsupported = "a factor of rotation that depends on length" } end
  own.position = hub.rotary(c, { attention_factor = s.short_mscale, long_factors = s.short_factor }) -- as transformers 5 runs it
  own.experts = { routing = "nearest", near = 2 * (c.router_jitter_noise or 0.01), count = c.num_local_experts, ffn = c.intermediate_size }
  return own
end

local function granitemoe(c, t)
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
  return {
    embedding_scale = c.embedding_multiplier, residual_scale = c.residual_multiplier,
    attention_scale = c.attention_multiplier, logit_scale = c.logits_scaling and 1 / c.logits_scaling,
    experts = { routing = "softmax_after", count = c.num_local_experts, ffn = f, shared = shared > 0 and shared or nil },
  }
end

local of = { mixtral = mixtral, qwen2_moe = qwen, qwen3_moe = qwen, olmoe = olmoe, flex_olmo = flexolmo, phimoe = phimoe,
  granitemoe = granitemoe, granitemoeshared = granitemoe }

return {
  name = "mixtral",
  types = { "mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "flex_olmo", "phimoe", "granitemoe", "granitemoeshared" },
  config = function(c)
    c = defaults(c)
    local qkv = c.attention_bias or c.model_type == "qwen2_moe" and hub.first(c.qkv_bias, true)
    local parts = { decoder.norms, decoder.attention }
    local own_dense = (c.mlp_only_layers and #c.mlp_only_layers > 0) or (c.decoder_sparse_step or 1) > 1
    if own_dense then parts[3] = decoder.ffn end
    local t = decoder.tensors(parts, decoder.biases(qkv, c.attention_bias, false))
    local own = of[c.model_type](c, t)
    if own.unsupported then return own end
    own.tensors = t
    own.experts.chosen = c.num_experts_per_tok
    return decoder.spec(c, own)
  end,
}
