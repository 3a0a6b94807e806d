-- BART: learned positions that begin at 2, norms behind each part and behind the embedding, on both sides. mBART norms
-- before each part, and once more at the end.
local hub = include "hub"

-- Norms before each part, and at the end; Pegasus and Blenderbot have none behind the embedding.
local before = { mbart = true, pegasus = true, blenderbot = true }
local from_zero = { pegasus = true, blenderbot = true }

local function stack(c, side)
  local t = { embed = { "shared.weight", side .. ".embed_tokens.weight" }, position = side .. ".embed_positions.weight" }
  if not (before[c.model_type] and from_zero[c.model_type]) then
    t.embed_norm, t.embed_norm_bias = side .. ".layernorm_embedding.weight", side .. ".layernorm_embedding.bias"
  end
  if before[c.model_type] then t.final_norm, t.final_norm_bias = side .. ".layer_norm.weight", side .. ".layer_norm.bias" end
  local names = {
    q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.out_proj",
    attn_norm = "self_attn_layer_norm", up = "fc1", down = "fc2", mlp_norm = "final_layer_norm",
  }
  if side == "decoder" then
    names.cross_norm = "encoder_attn_layer_norm"
    for role, name in pairs { q = "q_proj", k = "k_proj", v = "v_proj", o = "out_proj" } do
      names["cross_" .. role] = "encoder_attn." .. name
    end
  end
  return hub.layer(t, side .. ".layers.%d.", names, true)
end

local function side(c, name)
  local offset = from_zero[c.model_type] and 0 or 2
  return hub.spec(c, {
    layers = c[name .. "_layers"], width = c.d_model, heads = c[name .. "_attention_heads"], ffn = c[name .. "_ffn_dim"],
    causal = false, activation = c.activation_function or "gelu",
    norm = { kind = "layer", eps = 1e-5, after = not before[c.model_type] },
    position = {
      kind = "learned", count = c.max_position_embeddings and c.max_position_embeddings + offset, offset = offset,
      called = { count = "max_position_embeddings" },
    },
    embedding_scale = c.scale_embedding and c.d_model and c.d_model ^ 0.5 or nil,
    prefixes = { "model.", "" }, tensors = stack(c, name), ignore = { "final_logits_bias" },
    called = hub.called { width = "d_model", layers = name .. "_layers", activation = "activation_function" },
  })
end

return {
  name = "bart",
  types = { "bart", "mbart", "pegasus", "plbart", "mvp", "blenderbot" },
  config = function(c)
    local own, decoder = side(c, "encoder"), side(c, "decoder")
    decoder.causal, decoder.tied, decoder.start = true, "if missing", c.decoder_start_token_id or 2
    decoder.tensors.head = "lm_head.weight"
    decoder.tensors.head_bias = { name = "final_logits_bias", optional = true }
    own.decoder = decoder
    return own
  end,
}
