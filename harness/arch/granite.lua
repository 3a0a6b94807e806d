-- Granite: Llama with four multipliers: of embeddings, of what a part adds, of attention scores, of logits.
local decoder = include "decoder"
local defaults = include "defaults"

return {
  name = "granite",
  types = { "granite" },
  config = function(c)
    c = defaults(c)
    return decoder.spec(c, {
      embedding_scale = c.embedding_multiplier, residual_scale = c.residual_multiplier,
      attention_scale = c.attention_multiplier, logit_scale = c.logits_scaling and 1 / c.logits_scaling,
      tensors = decoder.tensors({ decoder.norms, decoder.attention, decoder.ffn },
        decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias)),
    })
  end,
}
