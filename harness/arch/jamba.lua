-- Jamba: Mamba 1 with norms on steps, on what they bring in and on what is read; attention without positions in one
-- layer of several, experts in every second feed-forward part.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

local layer = "layers.%d."

local function recurrence(c, t)
  local width, rank = c.hidden_size or 0, c.mamba_dt_rank
  for role, name in pairs { mix_step_norm = "dt", mix_b_norm = "b", mix_c_norm = "c" } do
    t[role] = layer .. "mamba." .. name .. "_layernorm.weight"
  end
  return mamba.channels(t, layer .. "mamba.", {
    channels = width * (c.mamba_expand or 2), state = c.mamba_d_state or 16,
    rank = type(rank) == "number" and rank or (width + 15) // 16, taps = c.mamba_d_conv or 4,
    bias = c.mamba_proj_bias, taps_bias = c.mamba_conv_bias, norm_eps = c.rms_norm_eps or 1e-6,
    activation = c.hidden_act,
  })
end

return {
  name = "jamba",
  types = { "jamba" },
  config = function(c)
    local t = decoder.tensors { decoder.attention, {
      attn_norm = "input_layernorm", mlp_norm = "pre_ff_layernorm", gate = "feed_forward.gate_proj",
      up = "feed_forward.up_proj", down = "feed_forward.down_proj",
    } }
    t.final_norm = "final_layernorm.weight"
    local period, offset = c.attn_layer_period or 8, c.attn_layer_offset or 4
    local own = { position = { kind = "none" }, tensors = t, mixing = recurrence(c, t) }
    own.attends, own.mixes = mamba.layers(c, function(l) return l % period == offset end)
    local experts = c.num_experts or 16
    if experts > 1 then
      own.sparse = {}
      for i = 1, c.num_hidden_layers do
        own.sparse[i] = (i - 1) % (c.expert_layer_period or 2) == (c.expert_layer_offset or 1)
      end
      t.router = layer .. "feed_forward.router.weight"
      for _, role in ipairs { "gate", "up", "down" } do
        t["expert_" .. role] = layer .. "feed_forward.experts.%e." .. role .. "_proj.weight"
      end
      own.experts = { routing = "softmax", count = experts, chosen = c.num_experts_per_tok or 2, ffn = c.intermediate_size }
    end
    return decoder.spec(c, own)
  end,
}
