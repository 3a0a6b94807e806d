-- Decoders with RMS norms and a gate as GGUF files describe them. Rows of q and k lie in pairs (permuted_qk) where the
-- file was made for pairs and the model rotates halves; where the model rotates pairs, they lie as on the hub.
local gguf = include "gguf"
local sandwich = { attn_out_norm = "post_attention_norm", mlp_out_norm = "post_ffw_norm" }
local behind = { mlp_norm = "post_attention_norm" } -- what stands before the feed-forward part has that name
local of_name = {}

function of_name.llama() return { tensors = gguf.tensors(), permuted_qk = true } end
for _, name in ipairs { "internlm2", "xverse", "llama-embed" } do of_name[name] = of_name.llama end

function of_name.qwen2() return { tensors = gguf.tensors() } end
for _, name in ipairs { "exaone", "qwen2vl", "pangu-embedded" } do of_name[name] = of_name.qwen2 end

function of_name.qwen3() return { tensors = gguf.tensors(gguf.heads), qk_norm = { kind = "rms", heads = true } } end

function of_name.seed_oss() return { tensors = gguf.tensors(behind) } end

function of_name.ernie4_5(m, of) return { tensors = gguf.tensors(), position = gguf.rotary(m, of, { interleaved = true }) } end

of_name["hunyuan-dense"] = function()
  return { tensors = gguf.tensors(gguf.heads), qk_norm = { kind = "rms", heads = true, after_rope = true } }
end

-- Beyond the length that it was first trained with Ministral 3 stretches queries, which is not run: it ends there.
function of_name.mistral3(m, of)
  local own = of_name.llama()
  own.max_length = of "attention.temperature_scale" and of "rope.scaling.original_context_length"
  return own
end

function of_name.gemma(m, of)
  return { tensors = gguf.tensors(), activation = "gelu_pytorch_tanh", embedding_scale = (of "embedding_length") ^ 0.5,
    expects_bos = true }
end

-- The largest of each kind scale scores by another width than a head's.
local function gemma(m, of, more, largest)
  local large = of "block_count" == largest
  local dim = large and (of "embedding_length") / (of "attention.head_count") or of "attention.key_length" or 256
  return gguf.with(of_name.gemma(m, of), {
    tensors = gguf.tensors(gguf.with(sandwich, more)), attention_scale = dim ^ -0.5, logit_softcap = of "final_logit_softcapping",
  })
end

function of_name.gemma2(m, of)
  local own = gemma(m, of, {}, 46)
  own.attention_softcap = of "attn_logit_softcapping"
  own.sliding = gguf.sliding(of, function(i) return i % 2 == 1 end)
  return own
end

function of_name.gemma3(m, of)
  local own = gemma(m, of, gguf.heads, 62)
  own.qk_norm = { kind = "rms", heads = true }
  own.sliding = gguf.sliding(of, function(i) return i % 6 ~= 0 end)
  own.position = gguf.rotary(m, of, { sliding = { theta = of "rope.freq_base_swa" or 10000.0, scaling = "default" } })
  return own
end

-- EmbeddingGemma looks both ways, half a window to each side.
of_name["gemma-embedding"] = function(m, of)
  local own, window = of_name.gemma3(m, of), of "attention.sliding_window" or 0
  own.tensors.head, own.causal = nil, false
  own.window = window > 0 and window // 2 + 1 or nil
  return own
end

function of_name.phi3(m, of)
  return { tensors = gguf.gated_up(gguf.fused(gguf.tensors(), of), of) }
end

function of_name.glm4(m, of)
  local halves = of("rope.dimension_sections", true) ~= nil -- rewritten for what rotates in sections
  return {
    tensors = gguf.gated_up(gguf.tensors(sandwich), of), position = gguf.rotary(m, of, { interleaved = not halves }),
  }
end

function of_name.chatglm(m, of, has)
  local t = gguf.gated_up(gguf.tensors(), of)
  if has["blk.0.attn_qkv.weight"] then gguf.fused(t, of) end
  return { tensors = t, position = gguf.rotary(m, of, { interleaved = true }) }
end

-- OLMo 3 is here too: where it has windows, only the other layers' rotation is stretched.
function of_name.olmo2(m, of)
  local t = gguf.without(gguf.tensors(gguf.with(sandwich, gguf.heads)), "attn_norm", "mlp_norm")
  local window = of "attention.sliding_window" or 0
  local slow = window > 0 and { theta = of "rope.freq_base_swa" or of "rope.freq_base" or 10000.0, scaling = "default" } or nil
  return {
    tensors = t, qk_norm = { kind = "rms" }, position = gguf.rotary(m, of, { sliding = slow }),
    sliding = slow and gguf.sliding(of, function(i) return i % 4 ~= 0 end),
  }
end

function of_name.exaone4(m, of)
  local t = gguf.without(gguf.tensors(gguf.with(sandwich, gguf.heads)), "attn_norm", "mlp_norm")
  local own = { tensors = t, qk_norm = { kind = "rms", heads = true } }
  if (of "attention.sliding_window" or 0) > 0 then
    own.sliding = gguf.sliding(of, function(i) return i % 4 ~= 0 end)
    own.unrotated = gguf.inverse(own.sliding)
  end
  return own
end

-- Four multipliers; MiniCPM has three of them, under the same names.
function of_name.granite(m, of)
  return {
    tensors = gguf.tensors(), permuted_qk = true, embedding_scale = of "embedding_scale",
    residual_scale = of "residual_scale", attention_scale = of "attention.scale",
    logit_scale = of "logit_scale" and 1 / of "logit_scale",
  }
end

-- Windows in some layers, and a sink in each head.
function of_name.granite_swa(m, of)
  local own = of_name.granite(m, of)
  own.tensors.sinks = { name = "blk.%d.attn_sinks.weight", optional = true }
  own.sliding = gguf.sliding(of, function() return true end)
  return own
end

function of_name.minicpm(m, of)
  local own, width = of_name.granite(m, of), of "embedding_length"
  own.embedding_scale, own.attention_scale = own.embedding_scale or 12, nil
  own.residual_scale = own.residual_scale or 1.4 / (of "block_count") ^ 0.5
  own.logit_scale = own.logit_scale or 256 / width
  return own
end

function of_name.smollm3(m, of)
  return { tensors = gguf.tensors(), permuted_qk = true, unrotated = gguf.inverse(gguf.sliding(of, function(i) return i % 4 ~= 0 end)) }
end

return gguf.description("gguf_llamalike", of_name)
