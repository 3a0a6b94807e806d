-- GLM and GLM-4: part of each head rotated in interleaved pairs, gate and up in one tensor; GLM-4 (2025) also norms what
-- comes out of each part.
local hub, decoder = include "hub", include "decoder"

return {
  name = "glm",
  types = { "glm", "glm4" },
  config = function(c)
    local norms = decoder.norms
    if c.model_type == "glm4" then
      norms = hub.with(norms, { attn_out_norm = "post_self_attn_layernorm", mlp_out_norm = "post_mlp_layernorm" })
    end
    local t = decoder.tensors({ norms, decoder.attention, { down = "mlp.down_proj" } },
      decoder.biases(c.attention_bias, false, false))
    local f = c.intermediate_size
    decoder.stacked(t, "layers.%d.mlp.gate_up_proj.weight", { { "gate", f }, { "up", f or 0 } })
    local part = c.partial_rotary_factor == nil and not c.rope_parameters and 0.5 or c.partial_rotary_factor
    local dim = c.head_dim or (c.hidden_size and c.num_attention_heads and c.hidden_size // c.num_attention_heads)
    local own = { interleaved = true }
    if part and dim then own.dim = math.floor(dim * part) end
    return decoder.spec(c, { position = hub.rotary(c, own), tensors = t })
  end,
}
