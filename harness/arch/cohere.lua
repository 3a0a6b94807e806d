-- Cohere's Command R and R7B: attention and feed-forward read one normed row, layer norms without bias, interleaved
-- rotation, scaled logits. Command R+ norms each head with gains of its own; R7B slides in three layers of four, and
-- only those rotate.
local hub, decoder = include "hub", include "decoder"

return {
  name = "cohere",
  types = { "cohere", "cohere2" },
  config = function(c)
    local norms = { attn_norm = "input_layernorm" }
    if c.use_qk_norm then norms.q_norm, norms.k_norm = "self_attn.q_norm", "self_attn.k_norm" end
    local sliding, unrotated
    if c.model_type == "cohere2" then
      sliding, unrotated = hub.sliding(c, function(i) return i % (c.sliding_window_pattern or 4) ~= 0 end), {}
      for i, slide in ipairs(sliding) do unrotated[i] = not slide end
    end
    return decoder.spec(c, {
      parallel = true,
      tied = hub.first(c.tie_word_embeddings, true), logit_scale = c.logit_scale or 0.0625,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-5, called = { eps = "layer_norm_eps" } },
      qk_norm = c.use_qk_norm and { kind = "layer", heads = true } or nil,
      position = hub.rotary(c, { interleaved = true }),
      window = sliding and (c.sliding_window or 4096), sliding = sliding, unrotated = unrotated,
      tensors = decoder.tensors({ norms, decoder.attention, decoder.ffn },
        decoder.biases(c.attention_bias, c.attention_bias)),
    })
  end,
}
