-- BART and its kin: encoder and decoder with learned positions that begin at 2, norms behind each part and behind the
-- embedding. Others have norms before each part, and once more at the end; positions from 0 on; or waves for positions.
local hub = include "hub"

-- before: norms before each part, and at the end; bare: none behind the embedding; from: the first position's number;
-- waves: sines and cosines where a file has no table, with so many steps less than half a row between first and last.
local kinds = {
  bart = { from = 2 }, mvp = { from = 2 }, plbart = { from = 2 },
  mbart = { from = 2, before = true },
  pegasus = { from = 0, before = true, bare = true, waves = 0 }, blenderbot = { from = 0, before = true, bare = true },
  ["blenderbot-small"] = { from = 0, normed = "tokens" },
  marian = { from = 0, bare = true, waves = 0 },
  m2m_100 = { from = 2, before = true, bare = true, waves = 1, pads = true },
}

local function stack(kind, side)
  local t = { embed = { "shared.weight", side .. ".embed_tokens.weight" }, position = side .. ".embed_positions.weight" }
  if not kind.bare then
    t.embed_norm, t.embed_norm_bias = side .. ".layernorm_embedding.weight", side .. ".layernorm_embedding.bias"
  end
  if kind.before then t.final_norm, t.final_norm_bias = side .. ".layer_norm.weight", side .. ".layer_norm.bias" end
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

local function position(c, kind)
  local half = (c.d_model or 0) // 2
  return {
    kind = kind.waves and "waves" or "learned", steps = kind.waves and math.max(half - kind.waves, 1) or nil,
    count = c.max_position_embeddings and c.max_position_embeddings + kind.from, offset = kind.from,
    pad = kind.pads and (c.pad_token_id or 1) or nil, called = { count = "max_position_embeddings" },
  }
end

local function side(c, kind, name)
  return hub.spec(c, {
    layers = c[name .. "_layers"], width = c.d_model, heads = c[name .. "_attention_heads"], ffn = c[name .. "_ffn_dim"],
    causal = false, activation = c.activation_function or "gelu",
    norm = { kind = "layer", eps = 1e-5, after = not kind.before },
    position = position(c, kind),
    embedding_scale = c.scale_embedding and c.d_model and c.d_model ^ 0.5 or nil,
    prefixes = { "model.", "" }, tensors = stack(kind, name),
    ignore = { "final_logits_bias", "embed_positions.weights" },
    called = hub.called { width = "d_model", layers = name .. "_layers", activation = "activation_function" },
  })
end

return {
  name = "bart",
  types = { "bart", "mbart", "pegasus", "plbart", "mvp", "blenderbot", "blenderbot-small", "marian", "m2m_100" },
  config = function(c)
    local kind = kinds[c.model_type]
    if c.share_encoder_decoder_embeddings == false then return { unsupported = "an embedding for each side" } end
    local own, decoder = side(c, kind, "encoder"), side(c, kind, "decoder")
    decoder.causal, decoder.tied, decoder.start = true, "if missing", c.decoder_start_token_id or 2
    decoder.embed_normed = kind.normed -- on this side only
    decoder.tensors.head = "lm_head.weight"
    decoder.tensors.head_bias = { name = "final_logits_bias", optional = true }
    own.decoder = decoder
    return own
  end,
}
