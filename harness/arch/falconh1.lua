-- Falcon-H1: in each layer attention and Mamba 2 read one normed row, side by side; multipliers stand before and behind
-- nearly every product, and become factors of the weights' rows.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

-- The factor of a role's rows: one, or a list of { rows, factor }.
local function scale(t, role, factor)
  if not t[role] or factor == 1 then return end
  local part = type(t[role]) == "table" and t[role] or { name = t[role] }
  t[role] = hub.with(part, { scale = factor })
end

local function recurrence(c, t)
  local m = mamba.hybrid_heads(c)
  m.normed, m.normed_ungated = c.mamba_rms_norm, hub.first(c.mamba_norm_before_gate, true)
  local mixing = mamba.heads(t, "layers.%d.mamba.", m)
  local f, into = c.ssm_multipliers or { 1, 1, 1, 1, 1 }, c.ssm_in_multiplier or 1
  for _, end_ in ipairs { "", "_bias" } do
    local x = end_ == "" and into or 1 -- a bias is not multiplied on its way in
    scale(t, "mix_gate" .. end_, f[1] * x)
    scale(t, "mix_step" .. end_, f[5] * x)
    local bc = m.groups * m.state
    scale(t, "mix_in" .. end_, { { m.channels, f[2] * x }, { bc, f[3] * x }, { bc, f[4] * x } })
  end
  if c.projectors_bias then t.mix_out_bias = "layers.%d.mamba.out_proj.bias" else t.mix_out_bias = nil end
  for _, role in ipairs { "mix_out", "mix_out_bias" } do scale(t, role, c.ssm_out_multiplier or 1) end
  return mixing
end

return {
  name = "falconh1",
  types = { "falcon_h1" },
  config = function(c)
    local t = decoder.tensors({ decoder.attention, {
      attn_norm = "input_layernorm", mlp_norm = "pre_ff_layernorm", gate = "feed_forward.gate_proj",
      up = "feed_forward.up_proj", down = "feed_forward.down_proj",
    } }, decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias))
    t.final_norm = "final_layernorm.weight"
    local into, ffn = c.attention_in_multiplier or 1, c.mlp_multipliers or { 1, 1 }
    for role, factor in pairs {
      q = into, k = into * (c.key_multiplier or 1), v = into, o = c.attention_out_multiplier or 1,
      gate = ffn[1], down = ffn[2],
    } do
      scale(t, role, factor)
      scale(t, role .. "_bias", role == "k" and (c.key_multiplier or 1) or role ~= "q" and role ~= "v" and factor or 1)
    end
    return decoder.spec(c, {
      mixing = recurrence(c, t), mixes = true, attends = true, tensors = t,
      norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
      embedding_scale = c.embedding_multiplier, logit_scale = c.lm_head_multiplier,
    })
  end,
}
