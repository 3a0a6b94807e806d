-- HunYuan: Llama with a norm on each head of q and k once they have been rotated; with experts, one that all tokens pass
-- stands beside them.
local hub, decoder = include "hub", include "decoder"

local heads = { q_norm = "self_attn.query_layernorm", k_norm = "self_attn.key_layernorm" }

-- A scaling called "dynamic" with an alpha is none by length: theta is another.
local function position(c)
  local own, s = hub.rotary(c), c.rope_parameters or c.rope_scaling or {}
  local dim = c.head_dim or (c.hidden_size and c.hidden_size // (c.num_attention_heads or 1)) or 2
  if s.alpha and own.scaling == "dynamic" then
    own.scaling, own.theta = "default", own.theta * s.alpha ^ (dim / (dim - 2))
  end
  return own
end

-- One number, or the same one for each layer.
local function one(x)
  for _, y in ipairs(type(x) == "table" and x or {}) do if y ~= x[1] then return nil end end
  return type(x) == "table" and x[1] or x
end

local function experts(c, t)
  local layer = "layers.%d."
  t.router = layer .. "mlp.gate.wg.weight"
  decoder.experts(t, layer, decoder.gate_up_down)
  for _, role in ipairs { "gate", "up", "down" } do t["shared_" .. role] = layer .. "mlp.shared_mlp." .. role .. "_proj.weight" end
  return { routing = "softmax", count = one(c.num_experts), chosen = one(c.moe_topk or 1), renormalize = true,
    ffn = c.intermediate_size, shared = c.intermediate_size }
end

return {
  name = "hunyuan",
  types = { "hunyuan_v1_dense", "hunyuan_v1_moe" },
  config = function(c)
    local sparse = c.model_type == "hunyuan_v1_moe"
    if sparse and not (one(c.num_experts) and one(c.moe_topk or 1)) then return { unsupported = "experts that differ by layer" } end
    local parts = { heads, decoder.norms, decoder.attention, not sparse and decoder.ffn or nil }
    local t = decoder.tensors(parts, decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias))
    return decoder.spec(c, {
      position = position(c), qk_norm = { kind = "rms", heads = true, after_rope = true },
      norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
      experts = sparse and experts(c, t) or nil, tensors = t,
    })
  end,
}
