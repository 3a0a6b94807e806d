-- EXAONE 4: norms behind each part only, norms on heads of q and k; where some layers slide, only those rotate.
local hub, decoder = include "hub", include "decoder"

local behind = { attn_out_norm = "post_attention_layernorm", mlp_out_norm = "post_feedforward_layernorm" }
local heads = { q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm" }

-- By a pattern; the last layer never does.
local function slides(c)
  local by = hub.pattern(c.sliding_window_pattern or 4)
  return function(i) return i ~= c.num_hidden_layers and by(i) end
end

return {
  name = "exaone4",
  types = { "exaone4" },
  config = function(c)
    local sliding, unrotated
    if c.sliding_window then
      sliding, unrotated = hub.sliding(c, slides(c)), {}
      for i, slide in ipairs(sliding) do unrotated[i] = not slide end
    end
    return decoder.spec(c, {
      norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
      qk_norm = { kind = "rms", heads = true },
      window = c.sliding_window, sliding = sliding, unrotated = unrotated,
      tensors = decoder.tensors { behind, heads, decoder.attention, decoder.ffn },
    })
  end,
}
