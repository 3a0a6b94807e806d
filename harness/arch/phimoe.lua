-- Phi-3.5-MoE: layer norms, and two experts that are chosen one after the other, each against those that come near it.
local hub, decoder = include "hub", include "decoder"

return {
  name = "phimoe",
  types = { "phimoe" },
  config = function(c)
    local s, layer = c.rope_parameters or c.rope_scaling or {}, "layers.%d.block_sparse_moe."
    if s.short_mscale ~= s.long_mscale then return { unsupported = "a factor of rotation that depends on length" } end
    local t = decoder.tensors({ decoder.norms, decoder.attention }, decoder.biases(c.attention_bias, c.attention_bias, false))
    t.router = layer .. "gate.weight"
    decoder.experts(t, layer, { gate = "experts.%e.w1", up = "experts.%e.w3", down = "experts.%e.w2" })
    for _, role in ipairs { "attn_norm", "mlp_norm", "final_norm" } do t[role .. "_bias"] = t[role]:gsub("weight$", "bias") end
    if c.lm_head_bias then t.head_bias = "lm_head.bias" end
    return decoder.spec(c, {
      window = c.sliding_window, tensors = t,
      norm = { kind = "layer", eps = c.rms_norm_eps, called = { eps = "rms_norm_eps" } },
      -- lists of factors as transformers 5 takes them: the short one, whatever the length
      position = hub.rotary(c, { attention_factor = s.short_mscale, long_factors = s.short_factor }),
      experts = { routing = "nearest", near = 2 * (c.router_jitter_noise or 0.01), count = c.num_local_experts,
        chosen = c.num_experts_per_tok, ffn = c.intermediate_size },
    })
  end,
}
