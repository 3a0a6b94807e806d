-- BLOOM: ALiBi, heads of q, k and v in turn in one tensor, a norm behind the embedding.
local hub = include "hub"

return {
  name = "bloom",
  types = { "bloom" },
  config = function(c)
    local width, heads = c.hidden_size or c.n_embed, c.n_head or c.num_attention_heads
    local t = {
      embed = "word_embeddings.weight", final_norm = "ln_f.weight", final_norm_bias = "ln_f.bias",
      embed_norm = "word_embeddings_layernorm.weight", embed_norm_bias = "word_embeddings_layernorm.bias",
      head = "lm_head.weight", class_out = "score.weight",
    }
    hub.layer(t, "h.%d.", {
      attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm", o = "self_attention.dense",
      up = "mlp.dense_h_to_4h", down = "mlp.dense_4h_to_h",
    }, true)
    local dim = width and heads and width // heads or 0
    for i, role in ipairs { "q", "k", "v" } do
      local part = { from = (i - 1) * dim, run = dim, every = 3 * dim, name = "h.%d.self_attention.query_key_value.weight" }
      t[role], t[role .. "_bias"] = part, hub.with(part, { name = "h.%d.self_attention.query_key_value.bias" })
    end
    return hub.spec(c, {
      layers = c.n_layer or c.num_hidden_layers, width = width, heads = heads, ffn = width and 4 * width,
      length = "tokenizer", -- positions have no end
      causal = true, activation = "gelu_new",
      norm = {
        kind = "layer", eps = c.layer_norm_epsilon or 1e-5, residual = c.apply_residual_connection_post_layernorm,
        called = { eps = "layer_norm_epsilon" },
      },
      position = { kind = "none" }, bias = { kind = "slopes" },
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t,
      called = hub.called { layers = "n_layer", heads = "n_head" },
    })
  end,
}
