-- LFM2: attention in some layers, in the others a short convolution between two gates; a gated feed-forward part in all.
local hub, decoder, mamba = include "hub", include "decoder", include "mamba"

local layer = "layers.%d."
local parts = {
  attn_norm = "operator_norm", mlp_norm = "ffn_norm", gate = "feed_forward.w1", up = "feed_forward.w3",
  down = "feed_forward.w2", q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj",
  o = "self_attn.out_proj", q_norm = "self_attn.q_layernorm", k_norm = "self_attn.k_layernorm",
}

-- The feed-forward part's width is two thirds of what is said, rounded up to a multiple, unless told otherwise.
local function ffn(c)
  local f, multiple = c.block_ff_dim or c.intermediate_size, c.block_multiple_of or 256
  if not f or c.block_auto_adjust_ff_dim == false then return f end
  f = math.floor((c.block_ffn_dim_multiplier or 1) * (2 * f // 3))
  return (f + multiple - 1) // multiple * multiple
end

-- What goes in is gated, convolved, and gated once more: the three lie one after the other in one tensor.
local function convolution(c, t)
  local width = c.hidden_size or 0
  for role, from in pairs { mix_entry = 0, mix_gate = width, mix_in = 2 * width } do
    t[role] = { name = layer .. "conv.in_proj.weight", from = from, part = true }
    if c.conv_bias then t[role .. "_bias"] = { name = layer .. "conv.in_proj.bias", from = from, part = true } end
  end
  hub.layer(t, layer .. "conv.", { mix_taps = "conv", mix_out = "out_proj" }, c.conv_bias)
  return { channels = width, state = 0, taps = c.conv_L_cache or 3, activation = "none" }
end

return {
  name = "lfm2",
  types = { "lfm2" },
  config = function(c)
    local t, all, attends = decoder.tensors { parts }, not c.layer_types and not c.full_attn_idxs, {}
    t.final_norm = { "embedding_norm.weight", "norm.weight" }
    for i, kind in ipairs(c.layer_types or {}) do attends[i - 1] = kind == "full_attention" end
    for _, i in ipairs(not c.layer_types and c.full_attn_idxs or {}) do attends[i] = true end
    local own = { ffn = ffn(c), qk_norm = { kind = "rms", heads = true }, mixing = convolution(c, t), tensors = t }
    own.attends, own.mixes = mamba.layers(c, function(l) return all or attends[l] == true end)
    own.norm = { kind = "rms", eps = c.norm_eps or 1e-5, called = { eps = "norm_eps" } }
    own.tied = hub.first(c.tie_embedding, c.tie_word_embeddings)
    return decoder.spec(c, own)
  end,
}
