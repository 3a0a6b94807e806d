-- Mamba: a selective recurrence in place of attention and feed-forward, one norm a layer, no positions.
local hub = include "hub"

return {
  name = "mamba",
  types = { "mamba", "falcon_mamba" },
  config = function(c)
    if c.model_type == "falcon_mamba" then return { unsupported = "Falcon Mamba, which norms steps and states," } end
    if c.use_bias then return { unsupported = "biases in Mamba (use_bias)" } end
    local width = c.hidden_size or c.d_model
    local n, state = c.intermediate_size or (width and width * (c.expand or 2)) or 0, c.state_size or 16
    local rank = type(c.time_step_rank) == "number" and c.time_step_rank or (width and (width + 15) // 16) or 0
    local layer = "layers.%d.mixer."
    local t = {
      embed = { "embeddings.weight", "embedding.weight" }, final_norm = "norm_f.weight", head = "lm_head.weight",
      attn_norm = "layers.%d.norm.weight",
      mix_in = { name = layer .. "in_proj.weight", part = true },
      mix_gate = { name = layer .. "in_proj.weight", from = n, part = true },
      mix_taps = layer .. "conv1d.weight", mix_taps_bias = c.use_conv_bias ~= false and layer .. "conv1d.bias" or nil,
      mix_step_down = { name = layer .. "x_proj.weight", part = true },
      mix_b = { name = layer .. "x_proj.weight", from = rank, part = true },
      mix_c = { name = layer .. "x_proj.weight", from = rank + state, part = true },
      mix_step = layer .. "dt_proj.weight", mix_step_bias = layer .. "dt_proj.bias",
      mix_a = layer .. "A_log", mix_d = layer .. "D", mix_out = layer .. "out_proj.weight",
    }
    return hub.spec(c, {
      layers = c.num_hidden_layers or c.n_layer, width = width, heads = 1, kv_heads = 1, head_dim = n + state, ffn = 1,
      max_length = c.max_position_embeddings or 2048, -- positions have no end
      causal = true, activation = c.hidden_act or "silu",
      norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "none" },
      mixing = { channels = n, state = state, rank = rank, taps = c.conv_kernel or 4 },
      tied = hub.first(c.tie_word_embeddings, true),
      prefixes = { "backbone.", "" }, tensors = t,
    })
  end,
}
