-- Decoders with experts as GGUF files describe them (Mixtral's is among Llama's: it differs by its count of experts).
local gguf = include "gguf"
local heads = { q_norm = "attn_q_norm", k_norm = "attn_k_norm" }

local of_name = {}

function of_name.qwen2moe(of)
  local t = gguf.tensors(nil, "any")
  local shared = of "expert_shared_feed_forward_length"
  local own = { tensors = t, experts = gguf.experts(of, t, { renormalize = false }) }
  if shared then t.shared_weight = "blk.%d.ffn_gate_inp_shexp.weight" end
  return own
end

function of_name.qwen3moe(of)
  local t = gguf.tensors(heads)
  return { tensors = t, experts = gguf.experts(of, t), qk_norm = { kind = "rms", heads = true } }
end

function of_name.olmoe(of)
  local t = gguf.tensors(heads)
  return { tensors = t, experts = gguf.experts(of, t, { renormalize = false }), qk_norm = { kind = "rms" } }
end

function of_name.granitemoe(of)
  local t = gguf.tensors()
  return {
    tensors = t, experts = gguf.experts(of, t, { routing = "softmax_after", renormalize = nil }), permuted_qk = true,
    embedding_scale = of "embedding_scale", residual_scale = of "residual_scale", attention_scale = of "attention.scale",
    logit_scale = of "logit_scale" and 1 / of "logit_scale",
  }
end

return {
  name = "gguf_experts",
  types = {},
  gguf = { "qwen2moe", "qwen3moe", "olmoe", "granitemoe" },
  metadata = function(m)
    local name = m["general.architecture"]
    local function of(key) return m[name .. "." .. key] end
    return gguf.spec(m, name, gguf.measured(of) and of_name[name](of) or { tensors = gguf.tensors() })
  end,
}
