-- Qwen3: Llama with an RMS norm on each head of q and k, and windows in some layers where the configuration says so.
local hub, decoder = include "hub", include "decoder"
local norms = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

return {
  name = "qwen3",
  types = { "qwen3" },

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
}
