-- Decoders as GGUF files describe them: what each differs in from Llama's file. Tensors were renamed, and some were
-- rewritten, when such a file was made: q, k and v of one tensor lie one after the other, gains are what they are.
local gguf = include "gguf"

-- q, k and v in the rows of attn_qkv, with their biases where there are some.
local function fused(t, m, of)
  local heads, kv = of "attention.head_count" or 1, of "attention.head_count_kv" or of "attention.head_count" or 1
  local dim, from = of "attention.key_length" or (of "embedding_length" or 0) // heads, 0
  for _, part in ipairs { { "q", heads * dim }, { "k", kv * dim }, { "v", kv * dim } } do
    t[part[1]] = { name = "blk.%d.attn_qkv.weight", from = from, part = true }
    t[part[1] .. "_bias"] = { name = "blk.%d.attn_qkv.bias", from = from, part = true, optional = true }
    from = from + part[2]
  end
  return t
end

local function without(t, roles)
  for _, role in ipairs(roles) do t[role], t[role .. "_bias"] = nil, nil end
  return t
end

-- A feed-forward part without a gate, layer norms, biases where the file has them.
local function plain(of, more)
  local t = without(gguf.tensors(more, "any"), { "gate" })
  return t, { tensors = t, gated = false, norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" } }
end

local function learned(of, t, own)
  t.position = "position_embd.weight"
  own.position = { kind = "learned", count = of "context_length" }
end

local sandwich = { attn_out_norm = "post_attention_norm", mlp_out_norm = "post_ffw_norm" }
local heads = { q_norm = "attn_q_norm", k_norm = "attn_k_norm" }

local function with(a, b)
  local out = {}
  for _, t in ipairs { a, b } do for k, v in pairs(t) do out[k] = v end end
  return out
end

local of_name = {}

function of_name.gemma2(m, of)
  local large = of "block_count" == 46
  local dim = large and (of "embedding_length") / (of "attention.head_count") or of "attention.key_length" or 256
  return {
    tensors = gguf.tensors(sandwich), activation = "gelu_pytorch_tanh", embedding_scale = (of "embedding_length") ^ 0.5,
    attention_scale = dim ^ -0.5, window = of "attention.sliding_window",
    sliding = gguf.sliding(of, function(i) return i % 2 == 1 end),
    attention_softcap = of "attn_logit_softcapping", logit_softcap = of "final_logit_softcapping",
  }
end

function of_name.gemma3(m, of)
  local own = of_name.gemma2(m, of)
  own.attention_softcap, own.qk_norm = nil, { kind = "rms", heads = true }
  if of "block_count" == 62 then own.attention_scale = ((of "embedding_length") / (of "attention.head_count")) ^ -0.5 end
  own.sliding = gguf.sliding(of, function(i) return i % (of "attention.sliding_window_pattern" or 6) ~= 0 end)
  own.tensors = gguf.tensors(with(sandwich, heads))
  own.position_sliding = { theta = of "rope.freq_base_swa" or 10000.0, scaling = "default" }
  return own
end

function of_name.phi3(m, of)
  local t, f = fused(gguf.tensors(), m, of), of "feed_forward_length" or 0
  t.gate, t.up = { name = "blk.%d.ffn_up.weight", part = true }, { name = "blk.%d.ffn_up.weight", from = f, part = true }
  return { tensors = t, window = of "attention.sliding_window" }
end

function of_name.phi2(m, of)
  local t, own = plain(of)
  without(t, { "mlp_norm" })
  t.head_bias, own.parallel, own.activation = "output.bias", true, "gelu_new"
  return own
end

function of_name.starcoder2(m, of)
  local _, own = plain(of)
  own.activation = "gelu_pytorch_tanh"
  return own
end

function of_name.stablelm(m, of)
  local t, own = plain(of)
  t.gate = "blk.%d.ffn_gate.weight"
  own.gated, own.parallel = true, of "use_parallel_residual"
  if own.parallel then without(t, { "mlp_norm" }) end
  return own
end

function of_name.nemotron(m, of)
  local _, own = plain(of)
  own.activation = "relu2"
  return own
end

function of_name.gptneox(m, of)
  local t, own = plain(of)
  fused(t, m, of)
  own.activation, own.parallel = "gelu", of "use_parallel_residual"
  return own
end

function of_name.gpt2(m, of)
  local t, own = plain(of)
  learned(of, fused(t, m, of), own)
  own.activation = "gelu_new"
  return own
end

function of_name.starcoder(m, of)
  return of_name.gpt2(m, of)
end

function of_name.bloom(m, of)
  local t, own = plain(of)
  fused(t, m, of)
  t.embed_norm, t.embed_norm_bias = "token_embd_norm.weight", "token_embd_norm.bias"
  own.position, own.bias, own.activation = { kind = "none" }, { kind = "slopes" }, "gelu_new"
  return own
end

function of_name.mpt(m, of)
  local t, own = plain(of)
  fused(t, m, of)
  own.position, own.bias = { kind = "none" }, { kind = "slopes", order = "interleaved" }
  own.activation, own.qkv_clip = "gelu", of "attention.clamp_kqv"
  return own
end

-- Falcon 40b norms attention by tensors of their own; the others take one normed row for both parts.
function of_name.falcon(m, of)
  local t, own = plain(of)
  fused(t, m, of)
  for _, kind in ipairs { "weight", "bias" } do
    local role, one = kind == "bias" and "_norm_bias" or "_norm", "blk.%d.attn_norm." .. kind
    t["attn" .. role], t["mlp" .. role] = { "blk.%d.attn_norm_2." .. kind, one }, one
  end
  own.parallel, own.activation = true, "gelu"
  return own
end

function of_name.cohere(m, of)
  local t = without(gguf.tensors(), { "mlp_norm" })
  return {
    tensors = t, parallel = true, logit_scale = of "logit_scale",
    norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" }, interleaved = true,
  }
end
of_name["command-r"] = of_name.cohere

function of_name.cohere2(m, of)
  local own, unrotated = of_name.cohere(m, of), {}
  own.window, own.sliding = of "attention.sliding_window", gguf.sliding(of, function(i) return i % 4 ~= 0 end)
  for i, slides in ipairs(own.sliding) do unrotated[i] = not slides end
  own.unrotated = unrotated
  return own
end

function of_name.olmo(m, of)
  local t = without(gguf.tensors(), { "attn_norm", "mlp_norm" })
  t.final_norm = nil
  return {
    tensors = t, norm = { kind = "layer", eps = of "attention.layer_norm_epsilon", bare = true },
    qkv_clip = of "attention.clamp_kqv", permuted_qk = true,
  }
end

function of_name.olmo2(m, of)
  return {
    tensors = without(gguf.tensors(with(sandwich, heads)), { "attn_norm", "mlp_norm" }), qk_norm = { kind = "rms" },
  }
end

function of_name.granite(m, of)
  return {
    tensors = gguf.tensors(nil, "any"), permuted_qk = true, embedding_scale = of "embedding_scale",
    residual_scale = of "residual_scale", attention_scale = of "attention.scale",
    logit_scale = of "logit_scale" and 1 / of "logit_scale",
  }
end

function of_name.smollm3(m, of)
  return {
    tensors = gguf.tensors(), permuted_qk = true, unrotated = gguf.sliding(of, function(i) return i % 4 == 0 end),
  }
end

local names = {}
for name in pairs(of_name) do names[#names + 1] = name end

return {
  name = "gguf_decoders",
  types = {},
  gguf = names,
  metadata = function(m)
    local name = m["general.architecture"]
    local function of(key) return m[name .. "." .. key] end
    if not gguf.measured(of) then return gguf.spec(m, name, { tensors = gguf.tensors() }) end
    local own = of_name[name](m, of)
    local spec = gguf.spec(m, name, own)
    if own.position_sliding then spec.position.sliding, spec.position_sliding = own.position_sliding, nil end
    if own.interleaved then spec.position.interleaved, spec.interleaved = true, nil end
    return spec
  end,
}
