-- T5, mT5 and umT5: RMS norms before each part, no positions but a learned bias by distance that all layers share, scores that
-- are not scaled. An encoder saved alone embeds; with its decoder it scores.
local hub = include "hub"

local function stack(c, side, gated)
  local t = {
    embed = { "shared.weight", side .. ".embed_tokens.weight" }, final_norm = side .. ".final_layer_norm.weight",
    -- umT5's layers have one each
    buckets = side .. (c.model_type == "umt5" and ".block.%d" or ".block.0") .. ".layer.0.SelfAttention.relative_attention_bias.weight",
  }
  local ffn = side == "decoder" and "2." or "1."
  local names = {
    attn_norm = "0.layer_norm", q = "0.SelfAttention.q", k = "0.SelfAttention.k", v = "0.SelfAttention.v",
    o = "0.SelfAttention.o", mlp_norm = ffn .. "layer_norm", down = ffn .. "DenseReluDense.wo",
    up = ffn .. (gated and "DenseReluDense.wi_1" or "DenseReluDense.wi"),
    gate = gated and ffn .. "DenseReluDense.wi_0" or nil,
  }
  if side == "decoder" then
    names.cross_norm = "1.layer_norm"
    for _, r in ipairs { "q", "k", "v", "o" } do names["cross_" .. r] = "1.EncDecAttention." .. r end
  end
  return hub.layer(t, side .. ".block.%d.layer.", names)
end

-- Version 1.0 has one table for words on both sides and scales logits for it; later ones have a head of their own. mT5
-- never scales, umT5 always does, as transformers 5 runs them.
local function decoder(c, own, gated)
  local tied = c.model_type == "umt5" or c.model_type == "t5" and hub.first(c.scale_decoder_outputs, c.tie_word_embeddings, true)
  local t = stack(c, "decoder", gated)
  t.head = "lm_head.weight"
  return hub.with(own, {
    layers = c.num_decoder_layers or c.num_layers, causal = true, tied = "if missing",
    logit_scale = tied and c.d_model and c.d_model ^ -0.5 or nil, start = c.decoder_start_token_id or 0, tensors = t,
  })
end

return {
  name = "t5",
  types = { "t5", "mt5", "umt5" },
  config = function(c)
    local proj = c.feed_forward_proj or "relu"
    local gated = proj:find("gated", 1, true) ~= nil
    local act = proj:gsub("gated%-", "")
    if act == "gelu" and gated then act = "gelu_new" end
    local own = hub.spec(c, {
      layers = c.num_layers, width = c.d_model, heads = c.num_heads, head_dim = c.d_kv, ffn = c.d_ff,
      max_length = c.n_positions or 512, length = "requests", -- positions have no end; 512 is what it was trained with
      causal = false, gated = gated, activation = act,
      norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-6, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "none" }, attention_scale = 1,
      bias = {
        kind = "buckets", buckets = c.relative_attention_num_buckets or 32,
        distance = c.relative_attention_max_distance or 128,
      },
      prefixes = { "", "transformer." }, tensors = stack(c, "encoder", gated),
    })
    if hub.first(c.is_encoder_decoder, true) then own.decoder = decoder(c, own, gated) end
    return own
  end,
}
