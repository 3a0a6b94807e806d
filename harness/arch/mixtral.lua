-- Decoders like Llama with experts in place of the feed-forward part: Mixtral, Qwen2-MoE (a shared expert under a gate of
-- its own), Qwen3-MoE (norms on heads).
local hub, decoder = include "hub", include "decoder"

-- Layers that keep one dense part: those named, and all but every n-th.
local function sparse(c)
  local list, dense, step = {}, {}, c.decoder_sparse_step or 1
  for _, l in ipairs(c.mlp_only_layers or {}) do dense[l + 1] = true end
  for i = 1, c.num_hidden_layers do list[i] = not dense[i] and i % step == 0 end
  return list
end

local function mixtral(c, t)
  t.router = { "layers.%d.block_sparse_moe.gate.weight", "layers.%d.mlp.gate.weight" }
  decoder.experts(t, "layers.%d.block_sparse_moe.experts.%e.", { gate = "w1", up = "w3", down = "w2" })
  return { experts = { routing = "softmax", count = c.num_local_experts, renormalize = true, ffn = c.intermediate_size },
    window = c.sliding_window }
end

local function qwen(c, t)
  t.router = "layers.%d.mlp.gate.weight"
  decoder.experts(t, "layers.%d.", decoder.gate_up_down)
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

local of = { mixtral = mixtral, qwen2_moe = qwen, qwen3_moe = qwen }

return {
  name = "mixtral",
  types = { "mixtral", "qwen2_moe", "qwen3_moe" },
  config = function(c)
    local qkv = c.attention_bias or c.model_type == "qwen2_moe" and hub.first(c.qkv_bias, true)
    local parts = { decoder.norms, decoder.attention }
    local own_dense = (c.mlp_only_layers and #c.mlp_only_layers > 0) or (c.decoder_sparse_step or 1) > 1
    if own_dense then parts[3] = decoder.ffn end
    local t = decoder.tensors(parts, decoder.biases(qkv, c.attention_bias, false))
    local own = of[c.model_type](c, t)
    own.tensors = t
    own.experts.chosen = c.num_experts_per_tok
    return decoder.spec(c, own)
  end,
}
