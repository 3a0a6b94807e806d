-- GGUF files: metadata under the architecture's name, tensors under names that all share.
local gguf = {}

-- What a tensor of factors says of the rotation: one list for any length (Llama 3), or two (Phi 3).
local function factors(m, of, position)
  local any, long = m["rope_freqs.weight"], m["rope_factors_long.weight"]
  if not (any or long) then return position end
  position.scaling, position.factor = "longrope", nil
  position.long_factors, position.short_factors = any or long, any or m["rope_factors_short.weight"] or long
  position.attention_factor = any and 1.0 or of "rope.scaling.attn_factor"
  position.original_length = position.original_length or of "context_length"
  position.factor = (of "context_length" or 1) / (position.original_length or 1)
  return position
end

-- Experts lie in one tensor a role. `own`: fields that differ.
function gguf.experts(of, t, own)
  local count = of "expert_count" or 0
  if count == 0 or type(count) ~= "number" then return end
  local shared = of "expert_shared_feed_forward_length"
  t.router = "blk.%d.ffn_gate_inp.weight"
  for _, role in ipairs { "gate", "up", "down" } do
    t["expert_" .. role] = "blk.%d.ffn_" .. role .. "_exps.weight"
    t[role] = nil
    if shared then t["shared_" .. role] = "blk.%d.ffn_" .. role .. "_shexp.weight" end
  end
  local e = {
    routing = "softmax", count = count, chosen = of "expert_used_count", renormalize = true, shared = shared,
    ffn = of "expert_feed_forward_length" or of "feed_forward_length", scale = of "expert_weights_scale",
  }
  for k, v in pairs(own or {}) do e[k] = v end
  return e
end

-- Are the sizes that descriptions calculate with there? Where they aren't, gguf.spec alone gets a word about which.
function gguf.measured(of)
  for _, key in ipairs { "block_count", "embedding_length", "attention.head_count", "feed_forward_length" } do
    local n = of(key)
    if math.type(n) ~= "integer" or n < 1 then return false end
  end
  local kv = of "attention.head_count_kv"
  return kv == nil or math.type(kv) == "integer"
end

-- Every list of sliding layers: those of which the function says so.
function gguf.sliding(of, slides)
  local list = {}
  for i = 1, of "block_count" or 0 do list[i] = slides(i) end
  return list
end

-- m: the metadata; name: of the architecture; own: fields of the spec that differ.
function gguf.spec(m, name, own)
  local function of(key) return m[name .. "." .. key] end
  own = own or {}
  local spec = {
    layers = of "block_count", width = of "embedding_length", heads = of "attention.head_count",
    kv_heads = of "attention.head_count_kv", head_dim = of "attention.key_length", ffn = of "feed_forward_length",
    max_length = of "context_length", window = of "attention.sliding_window",
    causal = true, gated = true, activation = "silu",
    norm = { kind = "rms", eps = of "attention.layer_norm_rms_epsilon" },
    position = factors(m, of, {
      kind = "rotary", theta = of "rope.freq_base" or 10000.0, dim = of "rope.dimension_count",
      scaling = of "rope.scaling.type" or "default", factor = of "rope.scaling.factor",
      original_length = of "rope.scaling.original_context_length",
    }),
    experts = own.tensors and gguf.experts(of, own.tensors),
    tied = "if missing",
    prefixes = { "" },
    ignore = { "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight" },
    eos = m["tokenizer.ggml.eos_token_id"], bos = m["tokenizer.ggml.bos_token_id"],
  }
  for k, v in pairs(own) do spec[k] = v end
  return spec
end

-- Tensors by role; those in `more` come on top (without blk.%d.). biases: roles that have one, or "any" where the file
-- may have some.
function gguf.tensors(more, biases)
  local t = { embed = "token_embd.weight", final_norm = "output_norm.weight", head = "output.weight" }
  local names = {
    attn_norm = "attn_norm", mlp_norm = "ffn_norm", q = "attn_q", k = "attn_k", v = "attn_v", o = "attn_output",
    gate = "ffn_gate", up = "ffn_up", down = "ffn_down",
  }
  for role, name in pairs(more or {}) do names[role] = name end
  for role, name in pairs(names) do
    t[role] = "blk.%d." .. name .. ".weight"
    local bias = "blk.%d." .. name .. ".bias"
    if biases == "any" then t[role .. "_bias"] = { name = bias, optional = true }
    elseif biases and biases[role] then t[role .. "_bias"] = bias end
  end
  if biases == "any" then t.final_norm_bias = { name = "output_norm.bias", optional = true } end
  return t
end

return gguf
