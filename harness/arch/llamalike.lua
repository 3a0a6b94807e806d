-- Llama with one thing changed: Helium and its interleaved rotation, Arcee's plain feed-forward part behind a squared
-- ReLU, CWM's and Ministral's windows, biases of InternLM 3.
local hub, decoder = include "hub", include "decoder"

local parts = { decoder.norms, decoder.attention, decoder.ffn }
local of = {}

function of.helium(c)
  return { position = hub.rotary(c, { interleaved = true }), tensors = decoder.tensors(parts, decoder.biases(c.attention_bias, false, c.mlp_bias)) }
end

function of.arcee(c)
  local plain = { up = "mlp.up_proj", down = "mlp.down_proj" }
  return {
    gated = false, activation = c.hidden_act or "relu2",
    norm = { kind = "rms", eps = c.rms_norm_eps or 1e-5, called = { eps = "rms_norm_eps" } },
    tensors = decoder.tensors({ decoder.norms, decoder.attention, plain }, decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias)),
  }
end

local function windowed(c)
  return { window = c.sliding_window, sliding = hub.sliding(c, function() return true end), tensors = decoder.tensors(parts) }
end
of.ministral = windowed

function of.cwm(c)
  local own = windowed(c)
  own.window, own.sliding = c.sliding_window or 8192, hub.sliding(c, function(i) return i % 4 ~= 1 end)
  return own
end

function of.internlm3(c)
  return { head_dim = c.head_dim, tensors = decoder.tensors(parts, decoder.biases(hub.first(c.qkv_bias, c.attention_bias), hub.first(c.bias, c.attention_bias), hub.first(c.bias, c.mlp_bias))) }
end

-- Ministral 3 stretches queries beyond the length that it was first trained with, which is not run: it ends there.
function of.ministral3(c)
  local s = c.rope_parameters or c.rope_scaling or {}
  local stretched = s.llama_4_scaling_beta and s.original_max_position_embeddings
  return { window = c.sliding_window, max_length = stretched or c.max_position_embeddings, tensors = decoder.tensors(parts) }
end

return {
  name = "llamalike",
  types = { "helium", "arcee", "cwm", "ministral", "ministral3", "internlm3" },
  config = function(c)
    return decoder.spec(c, of[c.model_type](c))
  end,
}
