-- Bamba and Granite 4 (hybrid): Mamba 2 in most layers, attention in the others, each with a feed-forward part. Bamba
-- rotates half of each head; Granite does not rotate, has its four multipliers, and experts beside a shared one.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

local function bamba(c, t)
  hub.layer(t, "layers.%d.", {
    attn_norm = "input_layernorm", mlp_norm = "pre_ff_layernorm", gate = "feed_forward.gate_proj",
    up = "feed_forward.up_proj", down = "feed_forward.down_proj",
  })
  t.final_norm = "final_layernorm.weight"
  local at = {}
  for _, l in ipairs(c.attn_layer_indices or {}) do at[l] = true end
  local head = c.head_dim or (c.hidden_size or 0) // (c.num_attention_heads or 1)
  return { position = hub.rotary(c, { dim = head // 2 }) }, function(l) return at[l] == true end
end

local function granite(c, t)
  hub.layer(t, "layers.%d.", decoder.norms)
  local f, layer = c.shared_intermediate_size or 1024, "layers.%d."
  local own = {
    embedding_scale = c.embedding_multiplier, residual_scale = c.residual_multiplier,
    attention_scale = c.attention_multiplier or 1, logit_scale = c.logits_scaling and 1 / c.logits_scaling,
    position = c.position_embedding_type == "rope" and hub.rotary(c) or { kind = "none" },
  }
  local experts = hub.first(c.num_local_experts, 8)
  local role = experts > 0 and "shared_" or ""
  t[role .. "gate"] = { name = layer .. "shared_mlp.input_linear.weight", part = true }
  t[role .. "up"] = { name = layer .. "shared_mlp.input_linear.weight", from = f, part = true }
  t[role .. "down"] = layer .. "shared_mlp.output_linear.weight"
  if experts > 0 then
    own.experts = { routing = "softmax_after", count = experts, chosen = c.num_experts_per_tok or 2, ffn = c.intermediate_size, shared = f }
    t.router = layer .. "block_sparse_moe.router.layer.weight"
    t.expert_gate = { name = layer .. "block_sparse_moe.input_linear.weight", part = true }
    t.expert_up = { name = layer .. "block_sparse_moe.input_linear.weight", from = c.intermediate_size or 0, part = true }
    t.expert_down = layer .. "block_sparse_moe.output_linear.weight"
  else
    own.ffn = f
  end
  local kinds = c.layer_types or c.layers_block_type or {}
  return own, function(l) return (kinds[l + 1] or "mamba"):find("attention") == 1 or kinds[l + 1] == "full_attention" end
end

return {
  name = "bamba",
  types = { "bamba", "granitemoehybrid" },
  config = function(c)
    local t = decoder.tensors({ decoder.attention }, decoder.biases(c.attention_bias, c.attention_bias, false))
    local own, attends = (c.model_type == "bamba" and bamba or granite)(c, t)
    own.attends, own.mixes = mamba.layers(c, attends)
    own.mixing, own.tensors = mamba.heads(t, "layers.%d.mamba.", mamba.hybrid_heads(c)), t
    own.norm = { kind = "rms", eps = c.rms_norm_eps or (c.model_type == "bamba" and 1e-5 or 1e-6), called = { eps = "rms_norm_eps" } }
    return decoder.spec(c, own)
  end,
}
