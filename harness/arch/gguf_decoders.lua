-- Decoders with layer norms, or without a gate, as GGUF files describe them: what each differs in from Llama's file.
-- Tensors were renamed, and some were rewritten, when such a file was made: q, k and v of one tensor lie one after the
-- other, gains are what they are.
local gguf = include "gguf"

-- A feed-forward part without a gate, layer norms, biases where the file has them.
local function plain(of, more)
  local t = gguf.without(gguf.tensors(more), "gate")
  return t, { tensors = t, gated = false, norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" } }
end

local function learned(of, t, own)
  t.position = "position_embd.weight"
  own.position = { kind = "learned", count = of "context_length" }
end

local of_name = {}

function of_name.phi2(m, of, has)
  local t, own = plain(of)
  gguf.without(t, "mlp_norm")
  if has["blk.0.attn_qkv.weight"] then gguf.fused(t, of) end
  t.head_bias, own.parallel, own.activation = "output.bias", true, "gelu_new"
  return own
end

function of_name.starcoder2(m, of)
  local _, own = plain(of)
  own.activation = "gelu_pytorch_tanh"
  return own
end

function of_name.stablelm(m, of, has)
  local normed = has["blk.0.attn_q_norm.weight"]
  local t, own = plain(of, normed and gguf.heads)
  t.gate = "blk.%d.ffn_gate.weight"
  own.gated, own.parallel = true, of "use_parallel_residual"
  own.qk_norm = normed and { kind = "layer", heads = true } or nil
  if own.parallel then gguf.without(t, "mlp_norm") end
  return own
end

function of_name.nemotron(m, of)
  local _, own = plain(of)
  own.activation = "relu2"
  return own
end
of_name.jais2 = of_name.nemotron

function of_name.arcee(m, of)
  return { tensors = gguf.without(gguf.tensors(), "gate"), gated = false, activation = "relu2", permuted_qk = true }
end

function of_name.gptneox(m, of)
  local t, own = plain(of)
  gguf.fused(t, of)
  own.activation, own.parallel = "gelu", of "use_parallel_residual"
  return own
end

function of_name.gpt2(m, of)
  local t, own = plain(of)
  learned(of, gguf.fused(t, of), own)
  own.activation = "gelu_new"
  return own
end
of_name.starcoder = of_name.gpt2

function of_name.bloom(m, of)
  local t, own = plain(of)
  gguf.fused(t, of)
  t.embed_norm, t.embed_norm_bias = "token_embd_norm.weight", "token_embd_norm.bias"
  own.position, own.bias, own.activation = { kind = "none" }, { kind = "slopes" }, "gelu_new"
  return own
end

function of_name.mpt(m, of, has)
  local t, own = plain(of, has["blk.0.attn_q_norm.weight"] and gguf.heads)
  gguf.fused(t, of)
  own.position, own.bias = { kind = "none" }, { kind = "slopes", order = "interleaved" }
  if has["position_embd.weight"] then learned(of, t, own) end
  if (of "attention.max_alibi_bias" or 8.0) == 0 then own.bias = nil end
  own.qk_norm = t.q_norm and { kind = "layer" }
  own.activation, own.qkv_clip = "gelu", of "attention.clamp_kqv"
  return own
end

-- Falcon 40b norms attention by tensors of their own; the others take one normed row for both parts.
function of_name.falcon(m, of)
  local t, own = plain(of)
  gguf.fused(t, of)
  for _, kind in ipairs { "weight", "bias" } do
    local role, one = kind == "bias" and "_norm_bias" or "_norm", "blk.%d.attn_norm." .. kind
    t["attn" .. role], t["mlp" .. role] = { "blk.%d.attn_norm_2." .. kind, one }, one
  end
  own.parallel, own.activation = true, "gelu"
  return own
end

function of_name.cohere(m, of, has)
  local normed = has["blk.0.attn_q_norm.weight"]
  local t = gguf.without(gguf.tensors(normed and gguf.heads), "mlp_norm")
  return {
    tensors = t, parallel = true, logit_scale = of "logit_scale", qk_norm = normed and { kind = "layer", heads = true } or nil,
    norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" }, position = gguf.rotary(m, of, { interleaved = true }),
  }
end
of_name["command-r"] = of_name.cohere

function of_name.cohere2(m, of, has)
  local own = of_name.cohere(m, of, has)
  own.sliding = gguf.sliding(of, function(i) return i % 4 ~= 0 end)
  own.unrotated = gguf.inverse(own.sliding)
  return own
end

function of_name.olmo(m, of)
  local t = gguf.without(gguf.tensors(nil, {}), "attn_norm", "mlp_norm") -- biases would lie as on the hub
  t.final_norm = nil
  return {
    tensors = t, norm = { kind = "layer", eps = of "attention.layer_norm_epsilon", bare = true },
    qkv_clip = of "attention.clamp_kqv", permuted_qk = true,
  }
end

return gguf.description("gguf_decoders", of_name)
