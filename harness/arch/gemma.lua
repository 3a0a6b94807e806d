-- Gemma 1 to 3 and EmbeddingGemma: norms scaled by 1 + w, embeddings by sqrt(width). Gemma 2 adds norms behind each
-- part, soft caps, and a window in every second layer; Gemma 3 norms on heads, and another theta where layers slide.
local hub, decoder = include "hub", include "decoder"

local sandwich = {
  attn_norm = "input_layernorm", attn_out_norm = "post_attention_layernorm",
  mlp_norm = "pre_feedforward_layernorm", mlp_out_norm = "post_feedforward_layernorm",
}
local heads = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

local function gemma1(c)
  return decoder.tensors({ decoder.norms, decoder.attention, decoder.ffn }, decoder.biases(c.attention_bias, c.attention_bias))
end

local function gemma2(c)
  return {
    attention_scale = (c.query_pre_attn_scalar or 256) ^ -0.5,
    attention_softcap = c.attn_logit_softcapping, logit_softcap = c.final_logit_softcapping,
    window = c.sliding_window, sliding = hub.sliding(c, function(i) return i % 2 == 1 end),
    tensors = decoder.tensors({ sandwich, decoder.attention, decoder.ffn }, decoder.biases(c.attention_bias, c.attention_bias)),
  }
end

-- VaultGemma: Gemma 2 without norms behind the parts.
local function vault(c)
  local spec = gemma2(c)
  spec.tensors = decoder.tensors({
    { attn_norm = "input_layernorm", mlp_norm = "pre_feedforward_layernorm" }, decoder.attention, decoder.ffn,
  }, decoder.biases(c.attention_bias, c.attention_bias))
  return spec
end

local function gemma3(c)
  local every = c.sliding_window_pattern or c._sliding_window_pattern or 6
  local spec = gemma2(c)
  spec.sliding = hub.sliding(c, function(i) return i % every ~= 0 end)
  spec.attention_softcap = nil -- whatever the configuration says
  spec.qk_norm = { kind = "rms", heads = true }
  spec.position = hub.rotary(c, nil, "full_attention")
  if not c.rope_parameters then spec.position.theta = c.rope_theta or 1e6 end
  local nested = c.rope_parameters and c.rope_parameters.sliding_attention
  local slow = { theta = c.rope_local_base_freq or 10000.0, scaling = "default" }
  spec.position.sliding = nested and hub.rotary(c, nil, "sliding_attention") or slow
  spec.tensors = decoder.tensors({ sandwich, decoder.attention, decoder.ffn, heads },
    decoder.biases(c.attention_bias, c.attention_bias))
  if c.use_bidirectional_attention then -- both ways, and a window that is half as wide to each side
    spec.causal = false
    spec.window = c.sliding_window and c.sliding_window // 2 + 1
  end
  return spec
end

return {
  name = "gemma",
  types = { "gemma", "gemma2", "gemma3_text", "gemma3", "vaultgemma" },

  config = function(c)
    local own = c.model_type == "gemma" and { tensors = gemma1(c) } or c.model_type == "gemma2" and gemma2(c)
      or c.model_type == "vaultgemma" and vault(c) or gemma3(c)
    own.tied = hub.first(c.tie_word_embeddings, true)
    own.activation = c.hidden_activation or c.hidden_act or "gelu_pytorch_tanh"
    if own.activation == "gelu" then own.activation = "gelu_pytorch_tanh" end
    own.expects_bos = true
    own.embedding_scale = c.hidden_size and c.hidden_size ^ 0.5
    own.norm = { kind = "rms", eps = c.rms_norm_eps or 1e-6, add = 1, called = { eps = "rms_norm_eps" } }
    return decoder.spec(c, own)
  end,
}
