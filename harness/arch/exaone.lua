-- EXAONE 3 and 3.5: Llama under names of its own.
local hub, decoder = include "hub", include "decoder"

return {
  name = "exaone",
  types = { "exaone" },
  config = function(c)
    local t = { embed = "wte.weight", final_norm = "ln_f.weight", head = "lm_head.weight" }
    hub.layer(t, "h.%d.", {
      attn_norm = "ln_1", mlp_norm = "ln_2",
      q = "attn.attention.q_proj", k = "attn.attention.k_proj", v = "attn.attention.v_proj",
      o = "attn.attention.out_proj", gate = "mlp.c_fc_0", up = "mlp.c_fc_1", down = "mlp.c_proj",
    })
    return decoder.spec(c, {
      layers = c.num_layers or c.num_hidden_layers, activation = c.activation_function or "silu",
      norm = { kind = "rms", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      prefixes = { "transformer.", "" }, tensors = t, ignore = { "rotary.inv_freq", "rotary_emb.inv_freq" },
    })
  end,
}
