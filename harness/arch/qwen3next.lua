-- Qwen3-Next and Qwen3.5: heads of a gated delta rule in most layers, attention behind a gate in every fourth, a quarter of
-- each head rotated, gains stored as w - 1; experts beside a shared one under a gate of its own, or one dense part.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

local layer = "layers.%d."

-- Next has q, k, channels and gate of a key head one after the other in one tensor, weights and steps in another; 3.5 has
-- them in tensors of their own.
local function recurrence(c, t)
  local keys, heads = c.linear_num_key_heads or 16, c.linear_num_value_heads or 32
  local dk, dv = c.linear_key_head_dim or 128, c.linear_value_head_dim or 128
  local each, name = heads // keys, layer .. "linear_attn."
  if c.model_type == "qwen3_next" then
    local wide = each * dv
    local function in_turn(tensor, every, parts)
      local from = 0
      for _, p in ipairs(parts) do
        t[p[1]] = { name = name .. tensor, from = from, run = p[2], every = every }
        from = from + p[2]
      end
    end
    in_turn("in_proj_qkvz.weight", 2 * dk + 2 * wide, { { "mix_c", dk }, { "mix_b", dk }, { "mix_in", wide }, { "mix_gate", wide } })
    in_turn("in_proj_ba.weight", 2 * each, { { "mix_weight", each }, { "mix_step", each } })
  else
    decoder.stacked(t, name .. "in_proj_qkv.weight", { { "mix_c", keys * dk }, { "mix_b", keys * dk }, { "mix_in", heads * dv } })
    hub.layer(t, name, { mix_gate = "in_proj_z", mix_weight = "in_proj_b", mix_step = "in_proj_a" })
  end
  hub.layer(t, name, { mix_taps = "conv1d", mix_norm = "norm", mix_out = "out_proj" })
  t.mix_a, t.mix_step_from = name .. "A_log", name .. "dt_bias"
  return { channels = heads * dv, state = dk, heads = heads, groups = keys, taps = c.linear_conv_kernel_dim or 4,
    norm_groups = heads, corrects = true, normed_ungated = true, activation = c.hidden_act }
end

local function attention(c, t)
  local d, bias = c.head_dim or 256, c.attention_bias
  hub.layer(t, layer, { k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj", q_norm = "self_attn.q_norm",
    k_norm = "self_attn.k_norm" }, { k = bias, v = bias, o = bias })
  for role, from in pairs { q = 0, attn_gate = d } do -- heads of q and of its gate in turn
    local part = { name = layer .. "self_attn.q_proj.weight", from = from, run = d, every = 2 * d }
    t[role] = part
    if bias then t[role .. "_bias"] = hub.with(part, { name = layer .. "self_attn.q_proj.bias" }) end
  end
end

local function experts(c, t, own)
  local dense, step = {}, c.decoder_sparse_step or 1
  for _, l in ipairs(c.mlp_only_layers or {}) do dense[l + 1] = true end
  t.router, own.sparse = layer .. "mlp.gate.weight", {}
  for i = 1, c.num_hidden_layers do own.sparse[i] = not dense[i] and i % step == 0 end
  decoder.experts(t, layer, decoder.gate_up_down)
  hub.layer(t, layer .. "mlp.", { shared_gate = "shared_expert.gate_proj", shared_up = "shared_expert.up_proj",
    shared_down = "shared_expert.down_proj", shared_weight = "shared_expert_gate" })
  own.experts = { routing = "softmax", count = c.num_experts, chosen = c.num_experts_per_tok, ffn = c.moe_intermediate_size,
    shared = c.shared_expert_intermediate_size, renormalize = hub.first(c.norm_topk_prob, true) }
end

return {
  name = "qwen3next",
  types = { "qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text" },
  config = function(c)
    local t, every = decoder.tensors { decoder.norms, decoder.ffn }, c.full_attention_interval or 4
    attention(c, t)
    local own = { tensors = t, mixing = recurrence(c, t), head_dim = c.head_dim or 256, qk_norm = { kind = "rms", heads = true } }
    own.attends, own.mixes = mamba.layers(c, function(l)
      if c.layer_types then return c.layer_types[l + 1] == "full_attention" end
      return (l + 1) % every == 0
    end)
    own.norm = { kind = "rms", eps = c.rms_norm_eps or 1e-6, add = 1, called = { eps = "rms_norm_eps" } }
    if c.num_experts then experts(c, t, own) end
    own.ffn = c.intermediate_size or c.moe_intermediate_size
    return decoder.spec(c, own)
  end,
}
