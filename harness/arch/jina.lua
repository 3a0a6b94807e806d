-- Jina's embeddings, version 3: XLM-RoBERTa with rotary positions. Adapters to tasks, which lie beside the weights in its
-- own files, are left out: without them it is the model that they adapt.
local hub = include "hub"

-- A weight under its own name, or where adapters stand beside it.
local function weight(name) return { name .. ".weight", name .. ".parametrizations.weight.original" } end

local function tensors(c)
  local t, layer, width = {}, "encoder.layers.%d.", c.hidden_size or 0
  local names = { embed_norm = "emb_ln", embed = "embeddings.word_embeddings", token_type = "embeddings.token_type_embeddings",
    class_dense = "classifier.dense", class_out = "classifier.out_proj" }
  for role, name in pairs { attn_norm = "norm1", mlp_norm = "norm2", o = "mixer.out_proj", up = "mlp.fc1", down = "mlp.fc2" } do
    names[role] = layer .. name
  end
  for role, name in pairs(names) do t[role], t[role .. "_bias"] = weight(name), name .. ".bias" end
  t.embed_bias, t.token_type_bias = nil, nil
  for i, role in ipairs { "q", "k", "v" } do
    local from = (i - 1) * width
    t[role] = { name = weight(layer .. "mixer.Wqkv"), from = from, part = true }
    t[role .. "_bias"] = { name = layer .. "mixer.Wqkv.bias", from = from, part = true }
  end
  return t
end

return {
  name = "jina",
  types = { "jina_embeddings_v3" },
  config = function(c)
    return hub.spec(c, {
      causal = false, activation = c.hidden_act or "gelu",
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-5, after = true, called = { eps = "layer_norm_eps" } },
      position = hub.rotary(c), token_types = c.type_vocab_size or 1,
      classifier = hub.classifier(c, "cls", "tanh"),
      prefixes = { "", "roberta." }, tensors = tensors(c),
      ignore = { "pooler.dense.weight", "pooler.dense.bias", "lora_A", "lora_B" },
    })
  end,
}
