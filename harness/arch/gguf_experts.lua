-- Decoders with experts as GGUF files describe them (Mixtral's is among Llama's: it differs by its count of experts).
local gguf = include "gguf"
local behind = { mlp_norm = "post_attention_norm" }
local of_name = {}

local function own(of, t, fields, more)
  local experts, sparse = gguf.experts(of, t, fields)
  return gguf.with({ tensors = t, experts = experts, sparse = sparse }, more)
end

-- Whether weights of the chosen sum to one is a word of the file here, and no where it is silent.
local function said(of) return { renormalize = of "expert_weights_norm" == true } end

local normed = { kind = "rms", heads = true }

function of_name.qwen2moe(m, of)
  local t = gguf.tensors()
  if of "expert_shared_feed_forward_length" then t.shared_weight = "blk.%d.ffn_gate_inp_shexp.weight" end
  return own(of, t, { renormalize = false })
end

function of_name.qwen3moe(m, of) return own(of, gguf.tensors(gguf.heads), {}, { qk_norm = normed }) end

function of_name.olmoe(m, of) return own(of, gguf.tensors(gguf.heads), { renormalize = false }, { qk_norm = { kind = "rms" } }) end

function of_name.granitemoe(m, of)
  return own(of, gguf.tensors(), { routing = "softmax_after", renormalize = false }, {
    permuted_qk = true, embedding_scale = of "embedding_scale", residual_scale = of "residual_scale",
    attention_scale = of "attention.scale", logit_scale = of "logit_scale" and 1 / of "logit_scale",
  })
end

-- A group counts as much as its two best.
local function grouped(of, fields)
  local groups, best = of "expert_group_count" or 1, fields.routing == "softmax" and 1 or 2
  if groups > 1 then fields.groups, fields.groups_chosen, fields.group_best = groups, of "expert_group_used_count", best end
  return fields
end

local function sigmoid(of, otherwise)
  local fields = said(of)
  if not of "expert_gating_func" then fields.routing = otherwise end
  return grouped(of, fields)
end

function of_name.glm4moe(m, of, has)
  local qk = has["blk.0.attn_q_norm.weight"]
  return own(of, gguf.tensors(gguf.with(behind, qk and gguf.heads)), sigmoid(of, "sigmoid"), { qk_norm = qk and normed or nil })
end

function of_name.dots1(m, of) return own(of, gguf.tensors(gguf.heads), sigmoid(of, "sigmoid"), { qk_norm = normed }) end

of_name["exaone-moe"] = function(m, of)
  local more = { qk_norm = normed }
  if (of "attention.sliding_window" or 0) > 0 then
    more.sliding = gguf.sliding(of, function(i) return i % 4 ~= 0 end)
    more.unrotated = gguf.inverse(more.sliding)
  end
  return own(of, gguf.tensors(gguf.heads), sigmoid(of, "sigmoid"), more)
end

of_name["ernie4_5-moe"] = function(m, of)
  local fields = { routing = "softmax" }
  if of "expert_shared_count" then fields.shared = of "expert_shared_count" * (of "expert_feed_forward_length" or 0) end
  local spec = own(of, gguf.tensors(), fields, { position = gguf.rotary(m, of, { interleaved = true }) })
  for i = 1, #spec.sparse do -- counted from the first layer, not from the first sparse one
    spec.sparse[i] = i > (of "leading_dense_block_count" or 0) and i % (of "interleave_moe_layer_step" or 1) == 0
  end
  return spec
end

of_name["minimax-m2"] = function(m, of)
  return own(of, gguf.tensors(gguf.heads), gguf.with(sigmoid(of, "sigmoid"), { renormalize = true }), { qk_norm = { kind = "rms" } })
end

of_name["hunyuan-moe"] = function(m, of)
  return own(of, gguf.tensors(gguf.heads), {}, { qk_norm = { kind = "rms", heads = true, after_rope = true } })
end

function of_name.dbrx(m, of)
  local t = gguf.fused(gguf.tensors { mlp_norm = "attn_output_norm" }, of)
  return own(of, t, {}, { norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" }, qkv_clip = of "attention.clamp_kqv" })
end

of_name["gpt-oss"] = function(m, of)
  local t = gguf.tensors(behind)
  t.sinks, t.router_bias = "blk.%d.attn_sinks.weight", "blk.%d.ffn_gate_inp.bias"
  for _, role in ipairs { "gate", "up", "down" } do t["expert_" .. role .. "_bias"] = "blk.%d.ffn_" .. role .. "_exps.bias" end
  return own(of, t, { routing = "softmax_after", renormalize = false }, {
    gating = { limit = 7, alpha = 1.702 }, sliding = gguf.sliding(of, function(i) return i % 2 == 1 end),
    position = gguf.rotary(m, of, { unrounded = true }),
  })
end

return gguf.description("gguf_experts", of_name)
