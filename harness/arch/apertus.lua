-- Apertus: Llama with a norm on each head of q and k, and a plain feed-forward part behind xIELU, a curve whose numbers
-- each layer learns.
local hub, decoder = include "hub", include "decoder"

local parts = {
  attn_norm = "attention_layernorm", mlp_norm = "feedforward_layernorm", up = "mlp.up_proj", down = "mlp.down_proj",
  q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm",
}

return {
  name = "apertus",
  types = { "apertus" },
  config = function(c)
    local t = decoder.tensors({ parts, decoder.attention }, decoder.biases(c.attention_bias, c.attention_bias))
    local curved = (c.hidden_act or "xielu") == "xielu"
    if curved then
      local curve = "layers.%d.mlp.act_fn."
      t.curve_above, t.curve_below = curve .. "alpha_p", curve .. "alpha_n"
      t.curve_linear, t.curve_edge = { name = curve .. "beta", optional = true }, { name = curve .. "eps", optional = true }
    end
    return decoder.spec(c, {
      gated = false, curved = curved, activation = curved and "none" or c.hidden_act,
      qk_norm = { kind = "rms", heads = true }, tensors = t,
    })
  end,
}
