-- GPT-Neo: learned positions, scores that are not scaled, and a window in every second layer.
local hub = include "hub"

-- attention_types: pairs of a list of kinds and how often it is repeated.
local function kinds(c)
  if c.attention_layers then return c.attention_layers end
  local list = {}
  for _, pair in ipairs(c.attention_types or { { { "global", "local" }, (c.num_layers or 0) // 2 } }) do
    for _ = 1, pair[2] do for _, kind in ipairs(pair[1]) do list[#list + 1] = kind end end
  end
  return list
end

return {
  name = "gptneo",
  types = { "gpt_neo" },
  config = function(c)
    local t = {
      embed = "wte.weight", position = "wpe.weight", final_norm = "ln_f.weight", final_norm_bias = "ln_f.bias",
      head = "lm_head.weight", class_out = "score.weight",
    }
    local biased = { attn_norm = true, mlp_norm = true, o = true, up = true, down = true }
    hub.layer(t, "h.%d.", {
      attn_norm = "ln_1", mlp_norm = "ln_2", q = "attn.attention.q_proj", k = "attn.attention.k_proj",
      v = "attn.attention.v_proj", o = "attn.attention.out_proj", up = "mlp.c_fc", down = "mlp.c_proj",
    }, biased)
    local sliding = {}
    for i, kind in ipairs(kinds(c)) do sliding[i] = kind == "local" end
    return hub.spec(c, {
      layers = c.num_layers, heads = c.num_heads, ffn = c.intermediate_size or (c.hidden_size and 4 * c.hidden_size),
      causal = true, activation = c.activation_function or "gelu_new",
      norm = { kind = "layer", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      position = {
        kind = "learned", count = c.max_position_embeddings, called = { count = "max_position_embeddings" },
      },
      attention_scale = 1, window = c.window_size or 256, sliding = sliding,
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t, ignore = { ".attn.attention.bias", ".attn.attention.masked_bias" },
      called = hub.called { layers = "num_layers", heads = "num_heads", window = "window_size" },
    })
  end,
}
