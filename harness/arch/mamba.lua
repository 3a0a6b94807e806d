-- Mamba 1 and 2: a selective recurrence in place of attention and feed-forward, one norm a layer, no positions. Falcon
-- Mamba norms steps, what they bring in and what is read, without gains.
local hub, mamba = include "hub", include "mamba"

local function channels(c, t)
  local width = c.hidden_size or c.d_model or 0
  return mamba.channels(t, "layers.%d.mixer.", {
    channels = c.intermediate_size or math.floor(width * (c.expand or 2)), state = c.state_size or 16,
    rank = type(c.time_step_rank) == "number" and c.time_step_rank or (width + 15) // 16,
    taps = c.conv_kernel or 4, bias = c.use_bias, taps_bias = c.use_conv_bias,
    norm_eps = c.model_type == "falcon_mamba" and (c.mixer_rms_eps or 1e-6) or nil,
  })
end

local function heads(c, t)
  local groups = c.n_groups or 8
  return mamba.heads(t, "layers.%d.mixer.", {
    channels = math.floor((c.hidden_size or 0) * (c.expand or 2)), state = c.state_size or 128, heads = c.num_heads or 128,
    groups = groups, norm_groups = groups, normed = true, taps = c.conv_kernel or 4, bias = c.use_bias,
    taps_bias = c.use_conv_bias, limit = c.time_step_limit,
  })
end

return {
  name = "mamba",
  types = { "mamba", "falcon_mamba", "mamba2" },
  config = function(c)
    local t = {
      embed = { "embeddings.weight", "embedding.weight" }, final_norm = "norm_f.weight", head = "lm_head.weight",
      attn_norm = "layers.%d.norm.weight",
    }
    local two = c.model_type == "mamba2"
    local mixing = (two and heads or channels)(c, t)
    mixing.activation = c.hidden_act
    return mamba.only(c, {
      mixing = mixing, tensors = t,
      tied = hub.first(c.tie_word_embeddings, not two),
    })
  end,
}
