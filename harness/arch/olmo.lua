-- OLMo 1 to 3. OLMo 1 has layer norms without gains and may cut q, k and v; OLMo 2 norms only what comes out of a part,
-- and q and k over all heads at once; OLMo 3 adds windows in three layers of four.
local hub, decoder = include "hub", include "decoder"

local behind = { attn_out_norm = "post_attention_layernorm", mlp_out_norm = "post_feedforward_layernorm" }
local qk = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

local function olmo1(c)
  local t = decoder.tensors({ decoder.attention, decoder.ffn }, decoder.biases(c.attention_bias, c.attention_bias))
  t.final_norm = nil
  return { norm = { kind = "layer", eps = 1e-5, bare = true }, qkv_clip = c.clip_qkv, tensors = t }
end

local function olmo2(c)
  return {
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
    qk_norm = { kind = "rms" },
    tensors = decoder.tensors({ behind, qk, decoder.attention, decoder.ffn },
      decoder.biases(c.attention_bias, c.attention_bias)),
  }
end

return {
  name = "olmo",
  types = { "olmo", "olmo2", "olmo3" },
  config = function(c)
    if c.model_type == "olmo" then return decoder.spec(c, olmo1(c)) end
    local own = olmo2(c)
    if c.model_type == "olmo3" then
      own.window, own.sliding = c.sliding_window or 4096, hub.sliding(c, function(i) return i % 4 ~= 0 end)
      own.position = hub.rotary(c, nil, "full_attention")
      if not c.rope_parameters then own.position.theta = c.rope_theta or 10000.0 end
      -- scaling is for layers that see everything
      own.position.sliding = { theta = own.position.theta, scaling = "default" }
      if c.rope_parameters and c.rope_parameters.sliding_attention then
        own.position.sliding = hub.rotary(c, nil, "sliding_attention")
      end
    end
    return decoder.spec(c, own)
  end,
}
