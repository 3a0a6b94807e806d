-- ALBERT: BERT with one set of weights for all layers of a group, and embeddings that are narrower than the rest.
local hub = include "hub"

return {
  name = "albert",
  types = { "albert" },
  config = function(c)
    local layers, groups, inner = c.num_hidden_layers, c.num_hidden_groups or 1, c.inner_group_num or 1
    if type(layers) == "number" and groups > 0 and layers % groups ~= 0 then
      return { unsupported = layers .. " layers in " .. groups .. " groups" }
    end
    local t = {
      embed = "embeddings.word_embeddings.weight", position = "embeddings.position_embeddings.weight",
      token_type = "embeddings.token_type_embeddings.weight",
      embed_norm = "embeddings.LayerNorm.weight", embed_norm_bias = "embeddings.LayerNorm.bias",
      embed_project = "encoder.embedding_hidden_mapping_in.weight",
      embed_project_bias = "encoder.embedding_hidden_mapping_in.bias",
      class_dense = "pooler.weight", class_dense_bias = "pooler.bias",
      class_out = "classifier.weight", class_out_bias = "classifier.bias",
    }
    hub.layer(t, "encoder.albert_layer_groups.%d.albert_layers.%i.", {
      q = "attention.query", k = "attention.key", v = "attention.value", o = "attention.dense",
      attn_norm = "attention.LayerNorm", up = "ffn", down = "ffn_output", mlp_norm = "full_layer_layer_norm",
    }, true)
    return hub.spec(c, {
      causal = false, embed_width = c.embedding_size or 128,
      layers = type(layers) == "number" and layers * inner or layers, inner_layers = inner,
      shared_layers = type(layers) == "number" and layers // groups or nil,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-12, after = true, called = { eps = "layer_norm_eps" } },
      activation = c.hidden_act or "gelu_new",
      position = {
        kind = "learned", count = c.max_position_embeddings, called = { count = "max_position_embeddings" },
      },
      token_types = c.type_vocab_size or 2,
      classifier = hub.classifier(c, "cls", "tanh"),
      prefixes = { "", "albert." }, tensors = t,
      ignore = { "embeddings.position_ids", "pooler.weight", "pooler.bias" },
    })
  end,
}
