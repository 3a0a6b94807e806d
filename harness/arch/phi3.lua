-- Phi-3 and Phi-4: Llama with q, k, v in one tensor, gate and up in another, and longrope for long texts.
local hub, decoder = include "hub", include "decoder"

return {
  name = "phi3",
  types = { "phi3" },
  config = function(c)
    local heads, kv = c.num_attention_heads, c.num_key_value_heads or c.num_attention_heads
    local dim = c.head_dim or (c.hidden_size and heads and c.hidden_size // heads)
    if not dim or not c.intermediate_size then return decoder.spec(c, {}) end
    local t = decoder.tensors { decoder.norms, { o = "self_attn.o_proj", down = "mlp.down_proj" } }
    decoder.stacked(t, "layers.%d.self_attn.qkv_proj.weight", { { "q", heads * dim }, { "k", kv * dim }, { "v", kv * dim } })
    decoder.stacked(t, "layers.%d.mlp.gate_up_proj.weight", { { "gate", c.intermediate_size }, { "up", c.intermediate_size } })
    return decoder.spec(c, { window = c.sliding_window, tensors = t })
  end,
}
