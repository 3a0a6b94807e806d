-- Encoders with rotary positions, a gated feed-forward part and norms after each part: NomicBERT and GTE ("new"), whose
-- configurations occur in the words of transformers and in those of the code which came with the models. EuroBERT is
-- Llama seen both ways.
local hub, decoder = include "hub", include "decoder"

local function embeddings(own)
  return hub.with({
    embed = "embeddings.word_embeddings.weight", token_type = "embeddings.token_type_embeddings.weight",
    embed_norm = "embeddings.LayerNorm.weight", embed_norm_bias = "embeddings.LayerNorm.bias",
    class_dense = "pooler.dense.weight", class_dense_bias = "pooler.dense.bias",
    class_out = "classifier.weight", class_out_bias = "classifier.bias",
  }, own)
end

local function encoder(c, own)
  return hub.spec(c, hub.with({
    causal = false, gated = true,
    norm = { kind = "layer", eps = c.layer_norm_eps or 1e-12, after = true, called = { eps = "layer_norm_eps" } },
    position = hub.rotary(c),
    token_types = c.type_vocab_size and c.type_vocab_size > 0 and c.type_vocab_size or nil,
    classifier = hub.classifier(c, "cls", "tanh"),
    ignore = { "pooler.dense.weight", "pooler.dense.bias", "rotary_emb.inv_freq", "embeddings.position_ids" },
  }, own))
end

-- The configuration that came with Nomic's own code, in the words of transformers.
local function nomic_words(c)
  if not c.n_embd then return c end
  return hub.with(c, {
    hidden_size = c.n_embd, num_hidden_layers = c.n_layer, num_attention_heads = c.n_head,
    intermediate_size = c.n_inner, max_position_embeddings = c.n_positions, layer_norm_eps = c.layer_norm_epsilon,
    rope_theta = c.rotary_emb_base, hidden_act = c.activation_function == "swiglu" and "silu" or c.activation_function,
  })
end

local function nomic(c)
  local trouble = c.prenorm and "prenorm" or c.parallel_block and "parallel_block" or c.use_rms_norm and "use_rms_norm"
  if trouble then return { unsupported = trouble .. " in NomicBERT" } end
  c = nomic_words(c)
  local t = embeddings()
  local layer, width = "encoder.layers.%d.", c.hidden_size or 0
  t.embed_norm, t.embed_norm_bias = "emb_ln.weight", "emb_ln.bias"
  hub.layer(t, layer, { attn_norm = "norm1", mlp_norm = "norm2" }, true)
  hub.layer(t, layer, { o = "attn.out_proj", up = "mlp.fc11", gate = "mlp.fc12", down = "mlp.fc2" },
    { o = c.qkv_proj_bias, up = c.mlp_fc1_bias, gate = c.mlp_fc1_bias, down = c.mlp_fc2_bias })
  for _, role in ipairs { "o_bias", "up_bias", "gate_bias", "down_bias" } do
    if t[role] then t[role] = { name = t[role], optional = true } end
  end
  for i, role in ipairs { "q", "k", "v" } do
    t[role] = { name = layer .. "attn.Wqkv.weight", from = (i - 1) * width, part = true }
    if c.qkv_proj_bias then
      t[role .. "_bias"] = { name = layer .. "attn.Wqkv.bias", from = (i - 1) * width, part = true, optional = true }
    end
  end
  local position = hub.rotary(c) -- of the whole head, whatever the settings say in the words of transformers
  local head, part = width // (c.num_attention_heads or 1), c.rotary_emb_fraction
  position.dim = part and part > 0 and part < 1 and math.floor(head * part) or nil
  return encoder(c, { tensors = t, position = position, prefixes = { "", "bert.", "nomic_bert." } })
end

local function gte(c)
  local trouble = c.logn_attention_scale and "logn_attention_scale"
    or (c.layer_norm_type or "layer_norm") ~= "layer_norm" and "layer_norm_type"
    or (c.position_embedding_type or "rope") ~= "rope" and "position_embedding_type"
  if trouble then return { unsupported = trouble .. " in GTE" } end
  local t, layer, f, width = embeddings(), "encoder.layer.%d.", c.intermediate_size or 0, c.hidden_size or 0
  if not (c.type_vocab_size and c.type_vocab_size > 0) then t.token_type = nil end
  hub.layer(t, layer, { o = "attention.o_proj", down = "mlp.down_proj", attn_norm = "attn_ln", mlp_norm = "mlp_ln" }, true)
  t.up = { name = layer .. "mlp.up_gate_proj.weight", part = true }
  t.gate = { name = layer .. "mlp.up_gate_proj.weight", from = f, part = true }
  for i, role in ipairs { "q", "k", "v" } do
    t[role] = { name = layer .. "attention.qkv_proj.weight", from = (i - 1) * width, part = true }
    t[role .. "_bias"] = { name = layer .. "attention.qkv_proj.bias", from = (i - 1) * width, part = true }
  end
  return encoder(c, { tensors = t, prefixes = { "", "new.", "gte." }, activation = c.hidden_act or "gelu" })
end

local function eurobert(c)
  local t = decoder.tensors({ decoder.norms, decoder.attention, decoder.ffn },
    decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias))
  t.head, t.class_out, t.class_out_bias = nil, "classifier.weight", "classifier.bias"
  t.class_dense, t.class_dense_bias = "dense.weight", "dense.bias"
  local classifier = hub.classifier(c, c.classifier_pooling == "bos" and "cls" or "mean", "gelu")
  classifier.late = (c.classifier_pooling or "late") == "late"
  return decoder.spec(c, { causal = false, tensors = t, classifier = classifier })
end

return {
  name = "rotarybert",
  types = { "nomic_bert", "gte", "new", "eurobert" },
  config = function(c)
    return ({ nomic_bert = nomic, gte = gte, new = gte, eurobert = eurobert })[c.model_type](c)
  end,
}
