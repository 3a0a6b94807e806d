-- GPT-NeoX and Pythia: heads of q, k and v in turn in one tensor, a part of each head rotated, and attention beside
-- feed-forward, each with a norm of its own.
local hub = include "hub"

return {
  name = "gptneox",
  types = { "gpt_neox", "gpt_neox_japanese" },
  config = function(c)
    local bare = c.model_type == "gpt_neox_japanese" -- of biases, but for one in the last layer
    local bias = not bare and hub.first(c.attention_bias, true)
    local t = {
      embed = "embed_in.weight", final_norm = "final_layer_norm.weight", final_norm_bias = "final_layer_norm.bias",
      head = { "embed_out.weight", "lm_head.weight" }, class_out = "score.weight",
    }
    hub.layer(t, "layers.%d.", {
      attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm", o = "attention.dense",
      up = "mlp.dense_h_to_4h", down = "mlp.dense_4h_to_h",
    }, { attn_norm = true, mlp_norm = true, o = bias, up = not bare, down = not bare })
    if bare then t.o_bias = { name = "layers.%d.attention.dense_bias", optional = true } end
    local dim = c.hidden_size and c.num_attention_heads and c.hidden_size // c.num_attention_heads or 0
    for i, role in ipairs { "q", "k", "v" } do
      local part = { from = (i - 1) * dim, run = dim, every = 3 * dim, name = "layers.%d.attention.query_key_value.weight" }
      t[role] = part
      if bias then t[role .. "_bias"] = hub.with(part, { name = "layers.%d.attention.query_key_value.bias" }) end
    end
    local own = not c.rope_parameters and { dim = math.floor(dim * (c.rotary_pct or bare and 1 or 0.25)) } or nil
    return hub.spec(c, {
      causal = true, activation = c.hidden_act or "gelu", parallel = not bare and hub.first(c.use_parallel_residual, true),
      ffn = bare and c.hidden_size and math.floor(c.hidden_size * (c.intermediate_multiple_size or 4)) or c.intermediate_size,
      norm = { kind = "layer", eps = c.layer_norm_eps or 1e-5, called = { eps = "layer_norm_eps" } },
      position = hub.rotary(c, own),
      classifier = hub.classifier(c, "last"),
      prefixes = { "gpt_neox.", "gpt_neox_japanese.", "" }, tensors = t,
      ignore = { "rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias" },
    })
  end,
}
