-- Falcon: 7b (one key head, attention beside feed-forward from one normed row), 40b and 11b (groups of heads, a norm for
-- each of the two, or one), rw (ALiBi as it rounds it, one part after the other).
local hub = include "hub"

-- How heads lie in the rows of the one tensor: in groups of queries with their key and value, or q, k, v in turn.
local function qkv(t, c, heads, kv, dim)
  local group = heads // kv
  local each = (group + 2) * dim
  local parts = { q = { 0, group * dim }, k = { group * dim, dim }, v = { (group + 1) * dim, dim } }
  for role, at in pairs(parts) do
    local part = { from = at[1], run = at[2], every = each, name = "h.%d.self_attention.query_key_value.weight" }
    t[role] = part
    if c.bias then t[role .. "_bias"] = hub.with(part, { name = "h.%d.self_attention.query_key_value.bias" }) end
  end
end

return {
  name = "falcon",
  types = { "falcon", "RefinedWeb", "RefinedWebModel" },
  config = function(c)
    local heads, layers = c.num_attention_heads or c.n_head, c.num_hidden_layers or c.n_layer
    local new, width = c.new_decoder_architecture, c.hidden_size
    if not (heads and width) then return hub.spec(c, {}) end
    local kv = new and (c.num_kv_heads or c.n_head_kv or heads) or c.multi_query and 1 or heads
    local t = {
      embed = "word_embeddings.weight", final_norm = "ln_f.weight", final_norm_bias = "ln_f.bias",
      head = "lm_head.weight", class_out = "score.weight",
    }
    local parallel = hub.first(c.parallel_attn, true) or new
    local norms = { attn_norm = "input_layernorm" }
    if new and (c.num_ln_in_parallel_attn or 2) == 2 then norms = { attn_norm = "ln_attn", mlp_norm = "ln_mlp" }
    elseif not parallel then norms.mlp_norm = "post_attention_layernorm" end
    hub.layer(t, "h.%d.", norms, true)
    hub.layer(t, "h.%d.", {
      o = "self_attention.dense", up = "mlp.dense_h_to_4h", down = "mlp.dense_4h_to_h",
    }, { o = c.bias, up = c.bias, down = c.bias })
    qkv(t, c, heads, kv, width // heads)
    return hub.spec(c, {
      layers = layers, heads = heads, kv_heads = kv, ffn = c.ffn_hidden_size or 4 * width,
      max_length = c.max_position_embeddings or 2048, causal = true, activation = c.activation or "gelu",
      parallel = parallel,
      norm = { kind = "layer", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      position = c.alibi and { kind = "none" } or hub.rotary(c),
      bias = c.alibi and { kind = "slopes_bf16" } or nil,
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t, ignore = { "rotary_emb.inv_freq" },
    })
  end,
}
