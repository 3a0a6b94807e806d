-- DistilBERT: BERT without token types, under names of its own.
local hub = include "hub"

local function tensors()
  local t = {
    embed = "embeddings.word_embeddings.weight",
    position = "embeddings.position_embeddings.weight",
    embed_norm = "embeddings.LayerNorm.weight", embed_norm_bias = "embeddings.LayerNorm.bias",
    class_dense = "pre_classifier.weight", class_dense_bias = "pre_classifier.bias",
    class_out = "classifier.weight", class_out_bias = "classifier.bias",
  }
  return hub.layer(t, "transformer.layer.%d.", {
    q = "attention.q_lin", k = "attention.k_lin", v = "attention.v_lin", o = "attention.out_lin",
    up = "ffn.lin1", down = "ffn.lin2", attn_norm = "sa_layer_norm", mlp_norm = "output_layer_norm",
  }, true)
end

return {
  name = "distilbert",
  types = { "distilbert" },
  config = function(c)
    return {
      layers = c.n_layers, width = c.dim, heads = c.n_heads, ffn = c.hidden_dim, vocab = c.vocab_size,
      max_length = c.max_position_embeddings,
      causal = false,
      norm = { kind = "layer", eps = 1e-12, after = true },
      activation = c.activation or "gelu",
      position = {
        kind = "learned", count = c.max_position_embeddings, called = { count = "max_position_embeddings" },
      },
      classifier = hub.classifier(c, "cls", "relu"),
      prefixes = { "", "distilbert." },
      tensors = tensors(),
      ignore = {},
      called = {
        layers = "n_layers", width = "dim", heads = "n_heads", ffn = "hidden_dim", vocab = "vocab_size",
        max_length = "max_position_embeddings",
      },
    }
  end,
}
