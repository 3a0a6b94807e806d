-- Latent attention as GGUF files describe it: DeepSeek V2 and V3 and their relatives, MiniCPM 3. Newer files have the
-- keys' and values' parts of what is made from the narrow row as tables of heads, the keys' turned; older ones together.
local gguf = include "gguf"

local function attention(of, t, tables)
  local heads, rope, rank = of "attention.head_count", of "rope.dimension_count" or 0, of "attention.kv_lora_rank" or 0
  local dim = tables and of "attention.key_length_mla" or of "attention.key_length" or 0
  local value, nope = tables and of "attention.value_length_mla" or of "attention.value_length" or dim, dim - rope
  t.kv_down, t.kv_down_norm = { name = "blk.%d.attn_kv_a_mqa.weight", part = true }, "blk.%d.attn_kv_a_norm.weight"
  t.k_shared = { name = "blk.%d.attn_kv_a_mqa.weight", from = rank, part = true }
  if tables then
    t.k = { name = "blk.%d.attn_k_b.weight", run = nope, every = nope, pad = rope, transposed = true }
    t.v = { name = "blk.%d.attn_v_b.weight", run = value, every = value, pad = dim - value }
  else
    t.k = { name = "blk.%d.attn_kv_b.weight", run = nope, every = nope + value, pad = rope, part = true }
    t.v = { name = "blk.%d.attn_kv_b.weight", from = nope, run = value, every = nope + value, pad = dim - value }
  end
  t.k_bias, t.v_bias = nil, nil
  local q_rank = of "attention.q_lora_rank"
  if q_rank then
    t.q, t.q_down, t.q_down_norm = "blk.%d.attn_q_b.weight", "blk.%d.attn_q_a.weight", "blk.%d.attn_q_a_norm.weight"
  end
  return {
    tensors = t, heads = heads, kv_heads = heads, head_dim = dim, value_dim = value, q_rank = q_rank, kv_rank = rank,
  }, nope
end

-- A rotation that is stretched also changes the scale of scores, not that of sines.
local function stretched(of, own, position)
  local log = of "rope.scaling.yarn_log_multiplier" or 0
  local m = 1 + log * math.log(math.max(of "rope.scaling.factor" or 1, 1))
  position.mscale, position.mscale_all = nil, nil
  if position.scaling == "yarn" and log ~= 0 then position.attention_factor = 1.0 end
  own.attention_scale = own.head_dim ^ -0.5 * (position.scaling == "yarn" and m * m or 1)
  own.position = position
  return own
end

local of_name = {}

function of_name.deepseek2(m, of, has)
  local t = gguf.tensors()
  local own, nope = attention(of, t, has["blk.0.attn_k_b.weight"])
  local groups, fields = of "expert_group_count" or 1, { renormalize = of "expert_weights_norm" == true }
  if groups > 1 then
    fields.groups, fields.groups_chosen = groups, of "expert_group_used_count"
    fields.group_best = of "expert_gating_func" == 2 and 2 or 1
  end
  own.experts, own.sparse = gguf.experts(of, t, fields)
  return stretched(of, own, gguf.rotary(m, of, { interleaved = true, first = nope }))
end

-- Its scales are those of its one size: files don't have them.
function of_name.minicpm3(m, of)
  local own, nope = attention(of, gguf.tensors())
  own.embedding_scale, own.residual_scale = 12, 1.4 / (of "block_count") ^ 0.5
  own.logit_scale = 256 / of "embedding_length"
  return stretched(of, own, gguf.rotary(m, of, { first = nope }))
end

return gguf.description("gguf_deepseek", of_name,
  { "block_count", "embedding_length", "attention.head_count", "feed_forward_length", "attention.kv_lora_rank", "rope.dimension_count" })
