-- Recurrences as GGUF files describe them: Mamba 1 and 2 alone, and hybrids of these with attention. A layer without
-- heads of keys has a recurrence in their place. Decays lie in the file as -exp(a).
local gguf = include "gguf"
local layer = "blk.%d."

-- What both kinds have.
local function shared(t, of, has, mixing)
  t.mix_a, t.mix_d, t.mix_out = layer .. "ssm_a", layer .. "ssm_d", layer .. "ssm_out.weight"
  t.mix_taps, t.mix_taps_bias = layer .. "ssm_conv1d.weight", { name = layer .. "ssm_conv1d.bias", optional = true }
  return gguf.with({
    channels = of "ssm.inner_size", state = of "ssm.state_size", taps = of "ssm.conv_kernel", rates = true,
  }, mixing)
end

local function channels(t, of, has)
  local inner, rank, state = of "ssm.inner_size", of "ssm.time_step_rank", of "ssm.state_size"
  t.mix_in = { name = layer .. "ssm_in.weight", part = true }
  t.mix_gate = { name = layer .. "ssm_in.weight", from = inner, part = true }
  t.mix_step_down = { name = layer .. "ssm_x.weight", part = true }
  t.mix_b, t.mix_c = { name = layer .. "ssm_x.weight", from = rank, part = true }, { name = layer .. "ssm_x.weight", from = rank + state, part = true }
  t.mix_step, t.mix_step_bias = layer .. "ssm_dt.weight", layer .. "ssm_dt.bias"
  return shared(t, of, has, { rank = rank })
end

-- Heads' widths follow from their number, which is written as the rank of steps.
local function heads(t, of, has)
  local inner, groups, state = of "ssm.inner_size", of "ssm.group_count" or 1, of "ssm.state_size"
  local normed = has["blk.0.ssm_norm.weight"]
  t.mix_gate = { name = layer .. "ssm_in.weight", part = true }
  t.mix_in = { name = layer .. "ssm_in.weight", from = inner, part = true }
  t.mix_step = { name = layer .. "ssm_in.weight", from = 2 * inner + 2 * groups * state, part = true }
  t.mix_step_from = layer .. "ssm_dt.bias"
  if normed then t.mix_norm = layer .. "ssm_norm.weight" end
  return shared(t, of, has, { heads = of "ssm.time_step_rank", groups = groups, norm_groups = groups })
end

local function alone(of, mixing, has)
  local t = {
    embed = "token_embd.weight", final_norm = "output_norm.weight", head = "output.weight", attn_norm = layer .. "attn_norm.weight",
  }
  return {
    tensors = t, mixing = mixing(t, of, has), heads = 1, kv_heads = 1, head_dim = 1, ffn = 1, gated = false,
    position = { kind = "none" },
  }
end

local of_name = {}

function of_name.mamba(m, of, has)
  local own = alone(of, channels, has)
  if of "ssm.dt_b_c_rms" then own.mixing.norm_eps = 1e-6 end -- Falcon Mamba's; the file has that of its other norms only
  return own
end

function of_name.mamba2(m, of, has) return alone(of, heads, has) end

-- Layers with heads of keys attend, the others have a recurrence.
local function hybrid(of, own)
  local kv, attends = of("attention.head_count_kv", true), {}
  for i = 1, of "block_count" do attends[i] = type(kv) ~= "table" or kv[i] ~= 0 end
  own.attends, own.mixes, own.kv_heads = attends, gguf.inverse(attends), of "attention.head_count_kv" or 1
  return own
end

function of_name.jamba(m, of, has)
  local t = gguf.tensors()
  local own = hybrid(of, { tensors = t, mixing = channels(t, of, has), position = { kind = "none" } })
  for role, name in pairs { mix_step_norm = "dt", mix_b_norm = "b", mix_c_norm = "c" } do
    t[role] = layer .. "ssm_" .. name .. "_norm.weight"
  end
  own.mixing.norm_eps = of "attention.layer_norm_rms_epsilon"
  local any = false -- which layers have experts, tensors alone say
  own.experts, own.sparse = gguf.experts(of, t, { renormalize = false })
  for i = 1, own.experts and of "block_count" or 0 do
    own.sparse[i] = has["blk." .. i - 1 .. ".ffn_gate_inp.weight"] == true
    any = any or own.sparse[i]
  end
  if not any then own.experts = false end
  return own
end

-- Bamba and Granite 4.
function of_name.granitehybrid(m, of, has)
  local t = gguf.tensors()
  local own = hybrid(of, {
    tensors = t, mixing = heads(t, of, has), permuted_qk = true, embedding_scale = of "embedding_scale",
    residual_scale = of "residual_scale", attention_scale = of "attention.scale",
    logit_scale = of "logit_scale" and 1 / of "logit_scale",
  })
  own.experts, own.sparse = gguf.experts(of, t, { routing = "softmax_after", renormalize = false })
  if not own.experts then own.ffn = of "expert_shared_feed_forward_length" or of "feed_forward_length" end
  if of "rope.scaling.finetuned" == false then own.position, own.permuted_qk = { kind = "none" }, nil end
  return own
end

-- Both read one normed row, side by side; the multipliers were multiplied into the weights.
of_name["falcon-h1"] = function(m, of, has)
  local t = gguf.tensors { }
  t.mlp_norm = { layer .. "ffn_norm.weight", layer .. "ffn_norm" }
  return { tensors = t, mixing = heads(t, of, has), mixes = true, attends = true }
end

-- A layer is one thing under one norm.
function of_name.nemotron_h(m, of, has)
  local t = gguf.without(gguf.tensors { mlp_norm = "attn_norm" }, "gate")
  local kv, ffn = of("attention.head_count_kv", true), of("feed_forward_length", true)
  local own = { attends = {}, mixes = {}, feeds = {} }
  for i = 1, of "block_count" do
    own.feeds[i] = type(ffn) ~= "table" or ffn[i] ~= 0
    own.attends[i] = not own.feeds[i] and (type(kv) ~= "table" or kv[i] ~= 0)
    own.mixes[i] = not own.feeds[i] and not own.attends[i]
  end
  local mixing = heads(t, of, has)
  mixing.step_min = 0.001
  return gguf.with(own, {
    tensors = t, mixing = mixing, gated = false, activation = "relu2", position = { kind = "none" }, experts = false,
  })
end

return gguf.description("gguf_recurrent", of_name,
  { "block_count", "embedding_length", "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel", "ssm.time_step_rank" })
