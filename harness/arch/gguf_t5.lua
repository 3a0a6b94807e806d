-- T5 and its encoder alone as GGUF files describe them. Whether there is a gate, and whether layers share their buckets of
-- distances, tensors say; a file without a head has version 1.0's, which scales what goes into the embedding.
local gguf = include "gguf"

local function stack(side, gated, own_buckets)
  local layer = side .. ".blk.%d."
  local t = {
    embed = "token_embd.weight", final_norm = side .. ".output_norm.weight",
    buckets = side .. (own_buckets and ".blk.%d" or ".blk.0") .. ".attn_rel_b.weight",
    attn_norm = layer .. "attn_norm.weight", mlp_norm = layer .. "ffn_norm.weight",
    up = layer .. "ffn_up.weight", down = layer .. "ffn_down.weight", gate = gated and layer .. "ffn_gate.weight" or nil,
  }
  for _, r in ipairs { "q", "k", "v", "o" } do
    t[r] = layer .. "attn_" .. r .. ".weight"
    if side == "dec" then t["cross_" .. r] = layer .. "cross_attn_" .. r .. ".weight" end
  end
  if side == "dec" then t.cross_norm = layer .. "cross_attn_norm.weight" end
  return t
end

local function encoder(m, of, has)
  local gated, each = has["enc.blk.0.ffn_gate.weight"], has["enc.blk.1.attn_rel_b.weight"]
  return {
    tensors = stack("enc", gated, each), causal = false, gated = gated or false, activation = gated and "gelu_new" or "relu",
    position = { kind = "none" }, attention_scale = 1, tied = false, exact = false, max_length = of "context_length" or 512,
    bias = { kind = "buckets", buckets = of "attention.relative_buckets_count" or 32, distance = 128 },
  }, each
end

local of_name = {}

of_name.t5encoder = encoder

function of_name.t5(m, of, has)
  local own, each = encoder(m, of, has)
  local t, tied = stack("dec", own.gated, each), not has["output.weight"]
  t.head = "output.weight"
  local spec = gguf.spec(m, gguf.with(own, {
    layers = of "decoder_block_count" or of "block_count", causal = true, tied = "if missing", tensors = t,
    logit_scale = tied and (of "embedding_length") ^ -0.5 or nil, start = of "decoder_start_token_id" or 0,
  }))
  own.decoder = spec
  return own
end

return gguf.description("gguf_t5", of_name)
