-- gpt-oss: a sink in each head, a window in every second layer, YaRN, and experts behind gates that are cut off, with
-- gate and up in every second column of one tensor.
local hub, decoder = include "hub", include "decoder"

return {
  name = "gptoss",
  types = { "gpt_oss" },
  config = function(c)
    local bias = hub.first(c.attention_bias, true)
    local t = decoder.tensors({ decoder.norms, decoder.attention }, decoder.biases(bias, bias, false))
    local layer = "layers.%d.mlp."
    t.sinks = "layers.%d.self_attn.sinks"
    t.router, t.router_bias = layer .. "router.weight", layer .. "router.bias"
    for role, from in pairs { gate = 0, up = 1 } do
      t["expert_" .. role] = { name = layer .. "experts.gate_up_proj", from = from, run = 1, every = 2, transposed = true }
      t["expert_" .. role .. "_bias"] = { name = layer .. "experts.gate_up_proj_bias", from = from, run = 1, every = 2 }
    end
    t.expert_down = { name = layer .. "experts.down_proj", transposed = true }
    t.expert_down_bias = layer .. "experts.down_proj_bias"
    return decoder.spec(c, {
      head_dim = c.head_dim or 64,
      window = c.sliding_window or 128, sliding = hub.sliding(c, function(i) return i % 2 == 1 end),
      gating = { limit = c.swiglu_limit or 7, alpha = c.swiglu_alpha or 1.702 },
      norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
      experts = { routing = "softmax_after", count = c.num_local_experts, chosen = c.num_experts_per_tok, ffn = c.intermediate_size },
      tensors = t,
    })
  end,
}
