-- Nemotron-H: each layer is one thing under one norm: Mamba 2, attention without positions, or a plain feed-forward part
-- behind a squared ReLU. Older configurations say it by a letter a layer: M, * or -.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

local function kinds(c)
  local list, letters = {}, { M = "linear_attention", ["*"] = "full_attention", ["-"] = "mlp", E = "moe" }
  for letter in (c.hybrid_override_pattern or ""):gmatch "." do list[#list + 1] = letters[letter] end
  local given = c.layers_block_type or c.layer_types
  for i, kind in ipairs(given or {}) do
    list[i] = kind == "mamba" and "linear_attention" or kind == "attention" and "full_attention" or kind
  end
  return list
end

return {
  name = "nemotronh",
  types = { "nemotron_h" },
  config = function(c)
    local layer, list, groups = "layers.%d.mixer.", kinds(c), c.mamba_n_groups or c.n_groups or 8
    local is = { linear_attention = {}, full_attention = {}, mlp = {} }
    for i, kind in ipairs(list) do
      if not is[kind] then return { unsupported = "a layer of the kind '" .. tostring(kind) .. "' in Nemotron-H" } end
      for name, flags in pairs(is) do flags[i] = name == kind end
    end
    local t = hub.layer({
      embed = "embeddings.weight", final_norm = "norm_f.weight", head = "lm_head.weight",
      attn_norm = "layers.%d.norm.weight", mlp_norm = "layers.%d.norm.weight", class_out = "score.weight",
    }, layer, { q = "q_proj", k = "k_proj", v = "v_proj", o = "o_proj", up = "up_proj", down = "down_proj" },
      { q = c.attention_bias, k = c.attention_bias, v = c.attention_bias, o = c.attention_bias, up = c.mlp_bias, down = c.mlp_bias })
    local heads, dim = c.mamba_num_heads or 128, c.mamba_head_dim or 64
    return decoder.spec(c, {
      layers = #list, gated = false, activation = c.mlp_hidden_act or "relu2", position = { kind = "none" },
      norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      mixes = is.linear_attention, attends = is.full_attention, feeds = is.mlp, tensors = t,
      mixing = mamba.heads(t, layer, {
        channels = heads * dim, state = c.ssm_state_size or 128, heads = heads, groups = groups, norm_groups = groups,
        taps = c.mamba_d_conv or c.conv_kernel or 4, bias = c.use_bias or c.mamba_proj_bias,
        taps_bias = hub.first(c.mamba_conv_bias, c.use_conv_bias), limit = { c.mamba_dt_min or c.time_step_min or 0.001 }, -- whatever the limit says
        normed = true, activation = c.mamba_hidden_act,
      }),
      prefixes = { "backbone.", "model.", "" },
    })
  end,
}
