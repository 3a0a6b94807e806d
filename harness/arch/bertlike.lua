-- BERT with its norms or embeddings elsewhere: norms before each part (XLM-RoBERTa XL, RoBERTa-PreLayerNorm, Megatron-BERT),
-- narrow embeddings (RemBERT), no types (BERT-generation), a rotation in interleaved pairs (RoFormer).
local hub = include "hub"

-- Names of norms: before attention, before the feed-forward part, at the end, behind the embedding.
local before = {
  ["xlm-roberta-xl"] = { "attention.self_attn_layer_norm", "LayerNorm", "encoder.LayerNorm" },
  ["roberta-prelayernorm"] = { "attention.LayerNorm", "intermediate.LayerNorm", "LayerNorm", "embeddings.LayerNorm" },
  ["megatron-bert"] = { "attention.ln", "ln", "encoder.ln" },
}
local own_head = { ["xlm-roberta-xl"] = "tanh", ["roberta-prelayernorm"] = "tanh", roformer = true }

local function tensors(c)
  local type, t = c.model_type, { embed = "embeddings.word_embeddings.weight" }
  local norms = before[type] or { "attention.output.LayerNorm", "output.LayerNorm", nil, "embeddings.LayerNorm" }
  local function norm(role, name) if name then t[role], t[role .. "_bias"] = name .. ".weight", name .. ".bias" end end
  hub.layer(t, "encoder.layer.%d.", {
    q = "attention.self.query", k = "attention.self.key", v = "attention.self.value", o = "attention.output.dense",
    up = "intermediate.dense", down = "output.dense", attn_norm = norms[1], mlp_norm = norms[2],
  }, true)
  norm("final_norm", norms[3])
  norm("embed_norm", norms[4])
  if type ~= "roformer" then t.position = "embeddings.position_embeddings.weight" end
  if type ~= "bert-generation" then t.token_type = "embeddings.token_type_embeddings.weight" end
  local dense, out = "pooler.dense", "classifier"
  if own_head[type] then dense, out = "classifier.dense", "classifier.out_proj" end
  norm("class_dense", dense)
  norm("class_out", out)
  return t, norm
end

return {
  name = "bertlike",
  types = { "xlm-roberta-xl", "roberta-prelayernorm", "megatron-bert", "rembert", "bert-generation", "roformer" },
  config = function(c)
    if (c.position_embedding_type or "absolute") ~= "absolute" then
      return { unsupported = "position_embedding_type '" .. tostring(c.position_embedding_type) .. "'" }
    end
    local type = c.model_type
    local t, norm = tensors(c)
    local narrow = type == "rembert" and (c.input_embedding_size or 256) or type == "roformer" and c.embedding_size or nil
    if narrow == c.hidden_size then narrow = nil end
    if type == "rembert" then norm("embed_project", "encoder.embedding_hidden_mapping_in") end
    if type == "roformer" and narrow then norm("embed_project", "embeddings_project") end
    local pad = before[type] and type ~= "megatron-bert" and (c.pad_token_id or 1) or nil
    local learned = {
      kind = "learned", count = c.max_position_embeddings, offset = pad and pad + 1 or 0, pad = pad,
      called = { count = "max_position_embeddings" },
    }
    local head = own_head[type] == true and (c.hidden_act or "gelu") or "tanh"
    return hub.spec(c, {
      causal = false, embed_width = narrow, activation = c.hidden_act or "gelu",
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-12, after = not before[type], called = { eps = "layer_norm_eps" } },
      position = type == "roformer" and hub.rotary(c, { interleaved = true }) or learned,
      values_rotated = type == "roformer" and c.rotary_value or nil,
      token_types = type ~= "bert-generation" and (c.type_vocab_size or 2) or nil,
      classifier = type ~= "bert-generation" and hub.classifier(c, "cls", head) or nil,
      prefixes = { "", "roberta.", "roberta_prelayernorm.", "bert.", "rembert.", "roformer.", "encoder." }, tensors = t,
      ignore = { "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias", "embed_positions.weight" },
    })
  end,
}
