-- The encoder of T5 and mT5: RMS norms before each part, no positions but a learned bias by distance that all layers
-- share, scores that are not scaled. Files of whole models hold it too: the decoder is left alone.
local hub = include "hub"

return {
  name = "t5encoder",
  types = { "t5", "mt5", "umt5" },
  config = function(c)
    if c.model_type == "umt5" then return { unsupported = "umT5, whose layers have a bias each," } end
    local proj = c.feed_forward_proj or "relu"
    local gated = proj:find("gated", 1, true) ~= nil
    local act = proj:gsub("gated%-", "")
    if act == "gelu" and gated then act = "gelu_new" end
    local t = {
      embed = { "shared.weight", "encoder.embed_tokens.weight" }, final_norm = "encoder.final_layer_norm.weight",
      buckets = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    }
    hub.layer(t, "encoder.block.%d.layer.", {
      attn_norm = "0.layer_norm", q = "0.SelfAttention.q", k = "0.SelfAttention.k", v = "0.SelfAttention.v",
      o = "0.SelfAttention.o", mlp_norm = "1.layer_norm", down = "1.DenseReluDense.wo",
      up = gated and "1.DenseReluDense.wi_1" or "1.DenseReluDense.wi",
      gate = gated and "1.DenseReluDense.wi_0" or nil,
    })
    return hub.spec(c, {
      layers = c.num_layers, width = c.d_model, heads = c.num_heads, head_dim = c.d_kv, ffn = c.d_ff,
      max_length = c.n_positions or 512, -- positions have no end; 512 is what it was trained with
      causal = false, gated = gated, activation = act,
      norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-6, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "none" }, attention_scale = 1,
      bias = {
        kind = "buckets", buckets = c.relative_attention_num_buckets or 32,
        distance = c.relative_attention_max_distance or 128,
      },
      prefixes = { "", "transformer." }, tensors = t, ignore = {},
    })
  end,
}
