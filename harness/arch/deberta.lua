-- DeBERTa: disentangled attention, where queries and keys also meet embeddings of their distance. Versions 2 and 3 put
-- far distances into ranges and share the projections of content; version 1 has one tensor of q, k, v and its own
-- projections of distances.
local hub = include "hub"

local function has(list, word)
  if type(list) == "string" then return list:find(word, 1, true) ~= nil end
  for _, w in ipairs(list or {}) do if w == word then return true end end
  return false
end

local function tensors(c, v1, span)
  local layer = "encoder.layer.%d."
  local t = {
    embed = "embeddings.word_embeddings.weight", embed_norm = "embeddings.LayerNorm.weight",
    embed_norm_bias = "embeddings.LayerNorm.bias", distances = span and "encoder.rel_embeddings.weight" or nil,
    class_dense = "pooler.dense.weight", class_dense_bias = "pooler.dense.bias",
    class_out = "classifier.weight", class_out_bias = "classifier.bias",
  }
  if has(c.norm_rel_ebd, "layer_norm") and span then
    t.distances_norm, t.distances_norm_bias = "encoder.LayerNorm.weight", "encoder.LayerNorm.bias"
  end
  hub.layer(t, layer, {
    o = "attention.output.dense", attn_norm = "attention.output.LayerNorm", up = "intermediate.dense",
    down = "output.dense", mlp_norm = "output.LayerNorm",
  }, true)
  if not v1 and (c.conv_kernel_size or 0) > 0 then
    t.conv, t.conv_bias = "encoder.conv.conv.weight", "encoder.conv.conv.bias"
    t.conv_norm, t.conv_norm_bias = "encoder.conv.LayerNorm.weight", "encoder.conv.LayerNorm.bias"
  end
  if c.embedding_size and c.embedding_size ~= c.hidden_size then t.embed_project = "embeddings.embed_proj.weight" end
  if (c.type_vocab_size or 0) > 0 then t.token_type = "embeddings.token_type_embeddings.weight" end
  if hub.first(c.position_biased_input, true) then t.position = "embeddings.position_embeddings.weight" end
  if not v1 then
    hub.layer(t, layer, { q = "attention.self.query_proj", k = "attention.self.key_proj", v = "attention.self.value_proj" }, true)
    if not c.share_att_key and span then
      if has(c.pos_att_type, "c2p") then hub.layer(t, layer, { distance_k = "attention.self.pos_key_proj" }, true) end
      if has(c.pos_att_type, "p2c") then hub.layer(t, layer, { distance_q = "attention.self.pos_query_proj" }, true) end
    end
    return t
  end
  local dim = c.hidden_size // c.num_attention_heads -- heads of q, k and v in turn; k has no bias
  for i, role in ipairs { "q", "k", "v" } do
    t[role] = { name = layer .. "attention.self.in_proj.weight", from = (i - 1) * dim, run = dim, every = 3 * dim }
  end
  t.q_bias, t.v_bias = layer .. "attention.self.q_bias", layer .. "attention.self.v_bias"
  if span then
    if has(c.pos_att_type, "c2p") then t.distance_k = layer .. "attention.self.pos_proj.weight" end
    if has(c.pos_att_type, "p2c") then
      t.distance_q, t.distance_q_bias = layer .. "attention.self.pos_q_proj.weight", layer .. "attention.self.pos_q_proj.bias"
    end
  end
  return t
end

return {
  name = "deberta",
  types = { "deberta", "deberta-v2" },
  config = function(c)
    local v1 = c.model_type == "deberta"
    if (c.conv_groups or 1) ~= 1 then return { unsupported = "conv_groups " .. tostring(c.conv_groups) } end
    local taps = not v1 and (c.conv_kernel_size or 0) > 0 and c.conv_kernel_size or nil
    if c.talking_head then return { unsupported = "talking_head" } end
    if not (c.hidden_size and c.num_attention_heads) then return hub.spec(c, {}) end
    local longest = c.max_relative_positions or -1
    if longest < 1 then longest = c.max_position_embeddings or 512 end
    local buckets = not v1 and c.position_buckets and c.position_buckets > 0 and c.position_buckets or nil
    local span = c.relative_attention and (buckets or longest) or nil
    local qk, kq = has(c.pos_att_type, "c2p"), has(c.pos_att_type, "p2c")
    local products = 1 + (span and qk and 1 or 0) + (span and kq and 1 or 0)
    local learned = hub.first(c.position_biased_input, true)
    local act = c.pooler_hidden_act or "gelu"
    return hub.spec(c, {
      causal = false, activation = c.hidden_act or "gelu",
      embed_width = c.embedding_size, embed_normed = "projected",
      convolution = taps and { taps = taps, activation = c.conv_act or "tanh" } or nil,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-7, after = true, called = { eps = "layer_norm_eps" } },
      position = learned and { kind = "learned", count = c.max_position_embeddings } or { kind = "none" },
      attention_scale = (c.hidden_size // c.num_attention_heads * products) ^ -0.5,
      bias = span and (qk or kq) and {
        kind = "disentangled", buckets = span, distance = longest, log_buckets = buckets ~= nil,
        query_to_place = qk, key_to_place = kq,
      } or nil,
      token_types = (c.type_vocab_size or 0) > 0 and c.type_vocab_size or nil,
      classifier = hub.classifier(c, "cls", act),
      prefixes = { "", "deberta." }, tensors = tensors(c, v1, span),
      ignore = { "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias", "mask_predictions.classifier.weight" },
    })
  end,
}
