-- Recurrences in place of attention: Mamba 1, where each channel has a step of its own, and Mamba 2, where heads do.
local hub = include "hub"
local mamba = {}

-- Mamba 1: the names of its tensors under `layer`, into t; returns `mixing`. m: channels, state, rank, taps.
function mamba.channels(t, layer, m)
  t.mix_in = { name = layer .. "in_proj.weight", part = true }
  t.mix_gate = { name = layer .. "in_proj.weight", from = m.channels, part = true }
  if m.bias then
    t.mix_in_bias = { name = layer .. "in_proj.bias", part = true }
    t.mix_gate_bias = { name = layer .. "in_proj.bias", from = m.channels, part = true }
    t.mix_out_bias = layer .. "out_proj.bias"
  end
  t.mix_step_down = { name = layer .. "x_proj.weight", part = true }
  t.mix_b = { name = layer .. "x_proj.weight", from = m.rank, part = true }
  t.mix_c = { name = layer .. "x_proj.weight", from = m.rank + m.state, part = true }
  t.mix_step, t.mix_step_bias = layer .. "dt_proj.weight", layer .. "dt_proj.bias"
  return mamba.shared(t, layer, m)
end

-- Mamba 2: gate, channels, what they bring in and what they read, and steps, one after the other in one tensor.
-- m: channels, state, heads, groups, taps; normed: what comes out is normed, in `norm_groups`.
function mamba.heads(t, layer, m)
  local all = m.channels + 2 * m.groups * m.state
  for role, from in pairs { mix_gate = 0, mix_in = m.channels, mix_step = m.channels + all } do
    t[role] = { name = layer .. "in_proj.weight", from = from, part = true }
    if m.bias then t[role .. "_bias"] = { name = layer .. "in_proj.bias", from = from, part = true } end
  end
  if m.bias then t.mix_out_bias = layer .. "out_proj.bias" end
  t.mix_step_from = layer .. "dt_bias"
  if m.normed then t.mix_norm = layer .. "norm.weight" end
  local limit = type(m.limit) == "table" and m.limit or {}
  m.step_min, m.step_max = limit[1], type(limit[2]) == "number" and limit[2] < 1e30 and limit[2] or nil
  return mamba.shared(t, layer, m)
end

function mamba.shared(t, layer, m)
  t.mix_taps, t.mix_a, t.mix_d = layer .. "conv1d.weight", layer .. "A_log", layer .. "D"
  if m.taps_bias ~= false then t.mix_taps_bias = layer .. "conv1d.bias" end
  t.mix_out = layer .. "out_proj.weight"
  return m
end

-- Fields of `mixing` as hybrids call them, for one kind or the other.
function mamba.hybrid_heads(c)
  local channels = c.mamba_d_ssm or (c.hidden_size or 0) * (c.mamba_expand or 2)
  return {
    channels = math.floor(channels), state = c.mamba_d_state, heads = c.mamba_n_heads, groups = c.mamba_n_groups or 1,
    taps = c.mamba_d_conv or 4, bias = c.mamba_proj_bias, taps_bias = c.mamba_conv_bias, limit = c.time_step_limit,
    norm_groups = c.mamba_n_groups or 1, normed = true, activation = c.hidden_act,
  }
end

-- Which layers attend, and which have a recurrence: by a function of a layer's number, counted from 0.
function mamba.layers(c, attends)
  local a, m = {}, {}
  for i = 1, c.num_hidden_layers do
    a[i] = attends(i - 1)
    m[i] = not a[i]
  end
  return a, m
end

-- A model of recurrences alone: no attention, no feed-forward part.
function mamba.only(c, own)
  return hub.spec(c, hub.with({
    layers = c.num_hidden_layers or c.n_layer, width = c.hidden_size or c.d_model, heads = 1, kv_heads = 1, head_dim = 1,
    ffn = 1, length = "tokenizer", -- positions have no end
    causal = true, activation = c.hidden_act or "silu", position = { kind = "none" },
    norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
    prefixes = { "backbone.", "model.", "" },
  }, own))
end

return mamba
