-- MPT: ALiBi, or learned positions; no biases; q, k and v one after the other in one tensor, cut to a range if so set.
local hub = include "hub"

return {
  name = "mpt",
  types = { "mpt" },
  config = function(c)
    local a, width = c.attn_config or {}, c.d_model
    if (a.attn_type or "multihead_attention") ~= "multihead_attention" then return { unsupported = "attn_type '" .. tostring(a.attn_type) .. "'" } end
    if hub.first(c.no_bias, true) == false then return { unsupported = "biases in MPT" } end
    local t = { embed = "wte.weight", final_norm = "norm_f.weight", head = "lm_head.weight", class_out = "score.weight" }
    hub.layer(t, "blocks.%d.", {
      attn_norm = "norm_1", mlp_norm = "norm_2", o = "attn.out_proj", up = "ffn.up_proj", down = "ffn.down_proj",
    })
    if a.qk_ln then -- files that transformers wrote are without them, whatever they say
      for _, of in ipairs { "q", "k" } do t[of .. "_norm"] = { name = "blocks.%d.attn." .. of .. "_ln.weight", optional = true } end
    end
    for i, role in ipairs { "q", "k", "v" } do
      t[role] = { name = "blocks.%d.attn.Wqkv.weight", from = (i - 1) * (width or 0), part = true }
    end
    return {
      layers = c.n_layers, width = width, heads = c.n_heads, ffn = width and 4 * width, -- whatever expansion_ratio says
      vocab = c.vocab_size, length = "tokenizer", causal = true, activation = "gelu",
      norm = { kind = "layer", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "none" },
      -- whatever alibi_bias_max says: its reference always takes 8
      bias = { kind = "slopes", order = "interleaved" },
      qk_norm = a.qk_ln and { kind = "layer" } or nil, attention_scale = a.softmax_scale, qkv_clip = a.clip_qkv,
      tied = hub.first(c.tie_word_embeddings, true), eos = c.eos_token_id, bos = c.bos_token_id,
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t, ignore = { "wpe.weight" },
      called = { layers = "n_layers", width = "d_model", heads = "n_heads", vocab = "vocab_size" },
    }
  end,
}
