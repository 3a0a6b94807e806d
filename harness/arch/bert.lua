-- BERT and its kin: learned positions, norms after each part, GELU between two dense layers.
-- Folders on the hub spell it in three ways: bare, under "bert.", and with LayerNorm.gamma/beta (the TensorFlow names).
-- RoBERTa's positions begin behind the padding token's number, which it does not count; ELECTRA projects narrower
-- embeddings; MPNet adds a learned bias by distance.
local hub = include "hub"

local function norm(name)
  return { name .. ".weight", name .. ".gamma" }, { name .. ".bias", name .. ".beta" }
end

local function tensors(c)
  local t = {
    embed = "embeddings.word_embeddings.weight",
    position = "embeddings.position_embeddings.weight",
    token_type = "embeddings.token_type_embeddings.weight",
  }
  if c.use_task_id then t.task_type = "embeddings.task_type_embeddings.weight" end -- ERNIE's
  t.embed_norm, t.embed_norm_bias = norm("embeddings.LayerNorm")
  local layer = "encoder.layer.%d."
  local names = {
    q = "attention.self.query", k = "attention.self.key", v = "attention.self.value",
    o = "attention.output.dense", up = "intermediate.dense", down = "output.dense",
  }
  t.attn_norm, t.attn_norm_bias = norm(layer .. "attention.output.LayerNorm")
  t.mlp_norm, t.mlp_norm_bias = norm(layer .. "output.LayerNorm")
  if c.model_type == "mpnet" then
    t.token_type = nil
    for role, name in pairs { q = "q", k = "k", v = "v", o = "o" } do names[role] = "attention.attn." .. name end
    t.attn_norm, t.attn_norm_bias = norm(layer .. "attention.LayerNorm")
    t.buckets = "encoder.relative_attention_bias.weight"
  end
  return hub.layer(t, layer, names, true)
end

-- A classifier with a dense layer of its own (RoBERTa and its kin), or over the pooler (BERT).
local function classify(c, t)
  local own = c.model_type ~= "bert" and c.model_type ~= "ernie"
  local dense = own and "classifier.dense" or "pooler.dense"
  t.class_dense, t.class_dense_bias = dense .. ".weight", dense .. ".bias"
  local out = own and "classifier.out_proj" or "classifier"
  t.class_out, t.class_out_bias = out .. ".weight", out .. ".bias"
  return hub.classifier(c, "cls", c.model_type == "electra" and "gelu" or "tanh")
end

-- What predicts tokens, where the model is a decoder: a dense layer and its norm before the head.
local function predict(c, t)
  local head = c.model_type == "bert" and "cls.predictions." or "lm_head."
  local dense = head .. (c.model_type == "bert" and "transform.dense" or "dense")
  t.head_norm, t.head_norm_bias = norm(head .. (c.model_type == "bert" and "transform.LayerNorm" or "layer_norm"))
  t.head_dense, t.head_dense_bias = dense .. ".weight", dense .. ".bias"
  t.head, t.head_bias = head .. "decoder.weight", { name = { head .. "bias", head .. "decoder.bias" }, optional = true }
end

local counts_from_pad = { roberta = true, ["xlm-roberta"] = true, camembert = true, mpnet = true, ["data2vec-text"] = true }

return {
  name = "bert",
  types = { "bert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet", "data2vec-text", "ernie" },
  config = function(c)
    if (c.position_embedding_type or "absolute") ~= "absolute" then
      return { unsupported = "position_embedding_type '" .. tostring(c.position_embedding_type) .. "'" }
    end
    local t, pad = tensors(c), counts_from_pad[c.model_type] and (c.pad_token_id or 1) or nil
    local narrow = c.model_type == "electra" and c.embedding_size ~= c.hidden_size and c.embedding_size or nil
    if narrow then t.embed_project, t.embed_project_bias = "embeddings_project.weight", "embeddings_project.bias" end
    local decodes = c.is_decoder == true
    if decodes then predict(c, t) end
    return hub.spec(c, {
      causal = decodes, tied = hub.first(c.tie_word_embeddings, true), embed_width = narrow,
      head_activation = decodes and (c.hidden_act or "gelu") or nil,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-12, after = true, called = { eps = "layer_norm_eps" } },
      activation = c.hidden_act or "gelu",
      position = {
        kind = "learned", count = c.max_position_embeddings, offset = pad and pad + 1 or 0, pad = pad,
        called = { count = "max_position_embeddings" },
      },
      -- whatever the configuration says, MPNet has 32 buckets up to a distance of 128
      bias = c.model_type == "mpnet" and { kind = "buckets", buckets = 32, distance = 128 } or nil,
      token_types = c.model_type ~= "mpnet" and (c.type_vocab_size or 2) or nil,
      task_types = c.use_task_id and (c.task_type_vocab_size or 3) or nil,
      classifier = classify(c, t),
      prefixes = { "", "bert.", "roberta.", "electra.", "mpnet.", "data2vec_text.", "ernie." },
      tensors = t,
      ignore = { "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias" },
    })
  end,
}
