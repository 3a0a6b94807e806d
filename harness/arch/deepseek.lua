-- DeepSeek V2 and V3: keys and values from one narrow row, a rotated part that all heads share, values narrower than
-- keys; experts in groups beside shared ones, dense parts in the first layers.
local hub, decoder = include "hub", include "decoder"

local function attention(c, t)
  local layer, heads = "layers.%d.self_attn.", c.num_attention_heads
  local nope, rope, value = c.qk_nope_head_dim, c.qk_rope_head_dim, c.v_head_dim
  local from = c.q_lora_rank and "q_b_proj" or "q_proj"
  t.q = layer .. from .. ".weight"
  if c.q_lora_rank then t.q_down, t.q_down_norm = layer .. "q_a_proj.weight", layer .. "q_a_layernorm.weight" end
  local down = layer .. "kv_a_proj_with_mqa.weight"
  t.kv_down, t.kv_down_norm = { name = down, part = true }, layer .. "kv_a_layernorm.weight"
  t.k_shared = { name = down, from = c.kv_lora_rank, part = true }
  local both = layer .. "kv_b_proj.weight" -- a head's keys, then its values
  t.k = { name = both, run = nope, every = nope + value, pad = rope }
  t.v = { name = both, from = nope, run = value, every = nope + value, pad = nope + rope - value }
  t.o = layer .. "o_proj.weight"
  if c.attention_bias then
    t.o_bias, t.kv_down_bias = layer .. "o_proj.bias", { name = layer .. "kv_a_proj_with_mqa.bias", part = true }
    t.k_shared_bias = { name = layer .. "kv_a_proj_with_mqa.bias", from = c.kv_lora_rank, part = true }
    if c.q_lora_rank then t.q_down_bias = layer .. "q_a_proj.bias" end
  end
  return {
    heads = heads, kv_heads = heads, head_dim = nope + rope, value_dim = value,
    q_rank = c.q_lora_rank, kv_rank = c.kv_lora_rank,
  }
end

-- A rotation that is stretched also changes the scale of scores.
local function scale(c)
  local s = c.rope_parameters or c.rope_scaling or {}
  local base = (c.qk_nope_head_dim + c.qk_rope_head_dim) ^ -0.5
  local kind = s.rope_type or s.type or "default"
  if kind == "default" or not s.mscale_all_dim or s.mscale_all_dim == 0 then return base end
  local m = (s.factor or 1) <= 1 and 1 or 0.1 * s.mscale_all_dim * math.log(s.factor) + 1
  return base * m * m
end

local function experts(c, t)
  if not c.n_routed_experts then return end -- Youtu, MiniCPM 3
  local v3, layer = c.model_type ~= "deepseek_v2", "layers.%d.mlp."
  local grouped = v3 or c.topk_method == "group_limited_greedy"
  t.router = layer .. "gate.weight"
  if v3 then t.router_choice_bias = layer .. "gate.e_score_correction_bias" end
  for _, role in ipairs { "gate", "up", "down" } do
    t["expert_" .. role] = layer .. "experts.%e." .. role .. "_proj.weight"
    if c.n_shared_experts then t["shared_" .. role] = layer .. "shared_experts." .. role .. "_proj.weight" end
  end
  return {
    routing = v3 and "sigmoid" or "softmax", count = c.n_routed_experts, chosen = c.num_experts_per_tok,
    ffn = c.moe_intermediate_size, shared = c.n_shared_experts and c.n_shared_experts * c.moe_intermediate_size or nil,
    groups = grouped and c.n_group or nil, groups_chosen = grouped and c.topk_group or nil, group_best = v3 and 2 or 1,
    renormalize = v3 and c.norm_topk_prob or nil, scale = c.routed_scaling_factor,
  }
end

-- MiniCPM 3 scales embeddings, what parts add, and what goes into the head; it rotates halves.
local function minicpm(c)
  return {
    embedding_scale = c.scale_emb, residual_scale = c.scale_depth and c.scale_depth / c.num_hidden_layers ^ 0.5,
    logit_scale = c.dim_model_base and c.hidden_size and c.dim_model_base / c.hidden_size,
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
  }
end

return {
  name = "deepseek",
  types = { "deepseek_v2", "deepseek_v3", "glm4_moe_lite", "youtu", "minicpm3" },
  config = function(c)
    for _, key in ipairs { "num_attention_heads", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank" } do
      if type(c[key]) ~= "number" then return { unsupported = "DeepSeek without '" .. key .. "'" } end
    end
    local t, mini = decoder.tensors { decoder.norms, decoder.ffn }, c.model_type == "minicpm3"
    local own, list = attention(c, t), {}
    for i = 1, c.num_hidden_layers do list[i] = i > (c.first_k_dense_replace or 0) end
    local interleaved = hub.first(c.rope_interleave, not mini)
    local position = hub.rotary(c, { interleaved = interleaved, first = c.qk_nope_head_dim })
    position.dim = c.qk_rope_head_dim
    own = hub.with(own, mini and minicpm(c) or {})
    return decoder.spec(c, hub.with(own, {
      attention_scale = scale(c), sparse = list, experts = experts(c, t), position = position, tensors = t,
    }))
  end,
}
