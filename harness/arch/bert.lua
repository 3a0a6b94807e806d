-- BERT: learned positions, token types, norms after each part, GELU between two dense layers.
-- Folders on the hub spell it in three ways: bare, under "bert.", and with LayerNorm.gamma/beta (the TensorFlow names).
-- RoBERTa and its kin are the same network; their positions begin behind the padding token's number.

local function norm(name)
  return { name .. ".weight", name .. ".gamma" }, { name .. ".bias", name .. ".beta" }
end

local function tensors()
  local t = {
    embed = "embeddings.word_embeddings.weight",
    position = "embeddings.position_embeddings.weight",
    token_type = "embeddings.token_type_embeddings.weight",
  }
  t.embed_norm, t.embed_norm_bias = norm("embeddings.LayerNorm")
  local layer = "encoder.layer.%d."
  for key, name in pairs {
    q = "attention.self.query", k = "attention.self.key", v = "attention.self.value",
    o = "attention.output.dense", up = "intermediate.dense", down = "output.dense",
  } do
    t[key], t[key .. "_bias"] = layer .. name .. ".weight", layer .. name .. ".bias"
  end
  t.attn_norm, t.attn_norm_bias = norm(layer .. "attention.output.LayerNorm")
  t.mlp_norm, t.mlp_norm_bias = norm(layer .. "output.LayerNorm")
  return t
end

return {
  name = "bert",
  types = { "bert", "roberta", "xlm-roberta", "camembert" },
  config = function(c)
    if (c.position_embedding_type or "absolute") ~= "absolute" then
      return { unsupported = "position_embedding_type '" .. tostring(c.position_embedding_type) .. "'" }
    end
    return {
      layers = c.num_hidden_layers, width = c.hidden_size, heads = c.num_attention_heads,
      ffn = c.intermediate_size, vocab = c.vocab_size, max_length = c.max_position_embeddings,
      causal = false,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-12, after = true, called = { eps = "layer_norm_eps" } },
      activation = c.hidden_act or "gelu",
      position = {
        kind = "learned", count = c.max_position_embeddings,
        offset = c.model_type ~= "bert" and (c.pad_token_id or 1) + 1 or 0,
        called = { count = "max_position_embeddings" },
      },
      token_types = c.type_vocab_size or 2,
      prefixes = { "", "bert.", "roberta." },
      tensors = tensors(),
      ignore = { "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias" },
      called = {
        layers = "num_hidden_layers", width = "hidden_size", heads = "num_attention_heads", ffn = "intermediate_size",
        vocab = "vocab_size", max_length = "max_position_embeddings", activation = "hidden_act",
        token_types = "type_vocab_size",
      },
    }
  end,
}
