-- Qwen3: Llama with an RMS norm on each head of q and k, and windows in some layers where the configuration says so.
-- GGUF files of Qwen2 and Qwen3 are here too: rows of q and k lie in them as on the hub.
local hub, decoder, gguf = include "hub", include "decoder", include "gguf"
local norms = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

return {
  name = "qwen3",
  types = { "qwen3" },
  gguf = { "qwen2", "qwen3" },

  config = function(c)
    local sliding = c.use_sliding_window and c.sliding_window or nil
    return decoder.spec(c, {
      head_dim = c.head_dim or 128,
      window = sliding,
      sliding = sliding and hub.sliding(c, function(i) return i > (c.max_window_layers or 28) end),
      qk_norm = { kind = "rms", heads = true },
      tensors = decoder.tensors({ decoder.norms, decoder.attention, decoder.ffn, norms },
        decoder.biases(c.attention_bias, c.attention_bias, false)),
    })
  end,

  metadata = function(m)
    local name = m["general.architecture"]
    if name == "qwen2" then
      return gguf.spec(m, name, { tensors = gguf.tensors(nil, { q = true, k = true, v = true }) })
    end
    return gguf.spec(m, name, {
      qk_norm = { kind = "rms", heads = true },
      tensors = gguf.tensors { q_norm = "attn_q_norm", k_norm = "attn_k_norm" },
    })
  end,
}
