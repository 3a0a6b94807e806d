-- Llama and its closest relatives: RMS norms before each part, rotary positions, grouped keys and values, SwiGLU.
-- Mistral adds a sliding window; Qwen2 biases on q, k and v; Seed-OSS and EXAONE 4 flags and windows of their own kind.
local hub, decoder = include "hub", include "decoder"

local function window(c)
  if c.model_type == "mistral" then return c.sliding_window end
  if c.use_sliding_window and c.sliding_window then
    return c.sliding_window, hub.sliding(c, function(i) return i > (c.max_window_layers or 28) end)
  end
end

-- SmolLM3 says of each layer whether it rotates: 0 stands for a layer that doesn't.
local function unrotated(c)
  if c.model_type ~= "smollm3" then return end
  local list, every = {}, c.no_rope_layer_interval or 4
  for i = 1, c.num_hidden_layers do
    if c.no_rope_layers then list[i] = c.no_rope_layers[i] == 0 else list[i] = i % every == 0 end
  end
  return list
end

local function biases(c)
  local type = c.model_type
  if type == "qwen2" then return decoder.biases(true, false, false) end
  if type == "seed_oss" then return decoder.biases(hub.first(c.attention_bias, true), c.attention_out_bias, c.mlp_bias) end
  if type == "ernie4_5" then return decoder.biases(c.use_bias, c.use_bias, c.use_bias) end
  return decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias)
end

return {
  name = "llama",
  types = { "llama", "mistral", "qwen2", "seed_oss", "ernie4_5", "smollm3", "iquestcoder" },

  config = function(c)
    local sliding, layers = window(c)
    local interleaved = c.model_type == "ernie4_5" or nil
    return decoder.spec(c, {
      window = sliding, sliding = layers, unrotated = unrotated(c),
      position = hub.rotary(c, { interleaved = interleaved }),
      tensors = decoder.tensors({ decoder.norms, decoder.attention, decoder.ffn }, biases(c)),
    })
  end,
}
