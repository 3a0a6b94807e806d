-- GGUF files: metadata under the architecture's name, tensors under names that all share.
local gguf = {}

function gguf.with(a, b)
  local out = {}
  for _, t in ipairs { a, b or {} } do for k, v in pairs(t) do out[k] = v end end
  return out
end

-- What the file says under its architecture's name. A list that says the same of every layer, or nothing (0), is that
-- number; `whole`: lists as they are.
function gguf.reader(m)
  local name = m["general.architecture"] .. "."
  return function(key, whole)
    local value = m[name .. key]
    if type(value) ~= "table" or whole then return value end
    local same
    for _, v in ipairs(value) do
      if v ~= 0 and same ~= nil and v ~= same then return value end
      if v ~= 0 then same = v end
    end
    return same
  end
end

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

function gguf.rotary(m, of, own)
  local factor = of "rope.scaling.factor" or of "rope.scale_linear"
  local position = {
    kind = "rotary", theta = of "rope.freq_base" or 10000.0, dim = of "rope.dimension_count",
    scaling = of "rope.scaling.type" or of "rope.scale_linear" and "linear" or "default", factor = factor,
    original_length = of "rope.scaling.original_context_length",
    beta_fast = of "rope.scaling.yarn_beta_fast", beta_slow = of "rope.scaling.yarn_beta_slow",
    attention_factor = of "rope.scaling.yarn_attn_factor",
  }
  if factor == 0 or factor == 1 then position.scaling, position.factor = "default", nil end
  local log = of "rope.scaling.yarn_log_multiplier"
  if log and log ~= 0 then position.mscale, position.mscale_all = 1.0, log end
  return gguf.with(factors(m, of, position), own)
end

local poolings = { "mean", "cls", "last" }
local routings = { "softmax", "sigmoid", "softmax_after" }

-- Experts lie in one tensor a role. `own`: fields that differ. Also: which layers have them.
function gguf.experts(of, t, own)
  local count, f = of "expert_count" or 0, of "expert_feed_forward_length" or of "feed_forward_length"
  if count == 0 or type(count) ~= "number" then return end
  local shared, scale = of "expert_shared_feed_forward_length", of "expert_weights_scale"
  if not shared and of "expert_shared_count" and f then shared = of "expert_shared_count" * f end
  if shared == 0 then shared = nil end
  t.router = "blk.%d.ffn_gate_inp.weight"
  t.router_choice_bias = { name = "blk.%d.exp_probs_b.bias", optional = true }
  for _, role in ipairs { "gate", "up", "down" } do
    t["expert_" .. role] = "blk.%d.ffn_" .. role .. "_exps.weight"
    if shared then t["shared_" .. role] = "blk.%d.ffn_" .. role .. "_shexp.weight" end
  end
  local sparse, dense, step = {}, of "leading_dense_block_count" or 0, of "interleave_moe_layer_step" or 1
  for i = 1, of "block_count" or 0 do sparse[i] = i > dense and i % math.max(step, 1) == 0 end
  return gguf.with({
    routing = routings[of "expert_gating_func" or 1] or "a gating function of number " .. of "expert_gating_func",
    count = count, chosen = of "expert_used_count", renormalize = true, shared = shared, ffn = f,
    scale = scale ~= 0 and scale or nil,
  }, own), sparse
end

local sizes = { "block_count", "embedding_length", "attention.head_count", "feed_forward_length" }

-- Are the sizes that descriptions calculate with there? Where they aren't, gguf.spec alone gets a word about which.
local function measured(of, needs)
  for _, key in ipairs(needs) do
    local n = of(key)
    if math.type(n) ~= "integer" or n < 1 then return false end
  end
  local kv = of "attention.head_count_kv"
  return kv == nil or math.type(kv) == "integer"
end

-- Which layers have a window: the file's list, its period, or else the function's word of a layer's number. `first`:
-- the layer without one is a period's first, not its last.
function gguf.sliding(of, slides, first)
  local list, pattern = {}, of("attention.sliding_window_pattern", true)
  for i = 1, of "block_count" or 0 do
    if type(pattern) == "table" then list[i] = pattern[i] == true or pattern[i] == 1
    elseif pattern then list[i] = (first and i - 1 or i) % math.max(pattern, 1) ~= 0
    else list[i] = slides(i) end
  end
  return list
end

function gguf.inverse(list)
  local out = {}
  for i, flag in ipairs(list) do out[i] = not flag end
  return out
end

-- Layers that predict further tokens come last; they are not run.
local function layers(of)
  local count, more = of "block_count", of "nextn_predict_layers" or 0
  local unused = { "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight", "attn_rot_embd.weight" }
  if math.type(count) ~= "integer" or math.type(more) ~= "integer" then return count, unused end
  for i = 1, math.min(more, 8) do unused[#unused + 1] = "^blk." .. count - i .. "." end
  return count - more, unused
end

-- Ids that end a text: of the whole, of a turn, of a message.
local function ends(m)
  local list = {}
  for _, name in ipairs { "eos", "eot", "eom" } do list[#list + 1] = m["tokenizer.ggml." .. name .. "_token_id"] end
  return list
end

-- m: the metadata; own: fields of the spec that differ.
function gguf.spec(m, own)
  local of = gguf.reader(m)
  local count, unused = layers(of)
  local window = of "attention.sliding_window"
  own = own or {}
  local experts, sparse
  if own.tensors and own.experts == nil then experts, sparse = gguf.experts(of, own.tensors) end
  if own.experts == false then own.experts = nil end
  return gguf.with({
    layers = count, width = of "embedding_length", heads = of "attention.head_count",
    kv_heads = of "attention.head_count_kv", head_dim = of "attention.key_length", ffn = of "feed_forward_length",
    max_length = of "context_length", window = window ~= 0 and window or nil,
    causal = true, gated = true, activation = "silu",
    norm = { kind = "rms", eps = of "attention.layer_norm_rms_epsilon" or of "attention.layer_norm_epsilon" },
    position = gguf.rotary(m, of), experts = experts, sparse = sparse, tied = "if missing", exact = true,
    prefixes = { "" }, ignore = unused,
    pooling = poolings[of "pooling_type" or 0],
    eos = ends(m), bos = m["tokenizer.ggml.bos_token_id"],
  }, own)
end

-- Tensors by role; those in `more` come on top (without blk.%d.). biases: roles that have one; without it, the file says.
function gguf.tensors(more, biases)
  local t = { embed = "token_embd.weight", final_norm = "output_norm.weight", head = "output.weight" }
  local names = gguf.with({
    attn_norm = "attn_norm", mlp_norm = "ffn_norm", q = "attn_q", k = "attn_k", v = "attn_v", o = "attn_output",
    gate = "ffn_gate", up = "ffn_up", down = "ffn_down",
  }, more)
  for role, name in pairs(names) do
    t[role] = "blk.%d." .. name .. ".weight"
    local bias = "blk.%d." .. name .. ".bias"
    if not biases then t[role .. "_bias"] = { name = bias, optional = true }
    elseif biases[role] then t[role .. "_bias"] = bias end
  end
  if not biases then t.final_norm_bias = { name = "output_norm.bias", optional = true } end
  return t
end

-- q, k and v one after the other in the rows of attn_qkv, with their biases where there are some.
function gguf.fused(t, of)
  local heads = of "attention.head_count" or 1
  local kv, from = of "attention.head_count_kv" or heads, 0
  local dim = of "attention.key_length" or (of "embedding_length" or 0) // heads
  for _, part in ipairs { { "q", heads * dim }, { "k", kv * dim }, { "v", kv * dim } } do
    t[part[1]] = { name = "blk.%d.attn_qkv.weight", from = from, part = true }
    t[part[1] .. "_bias"] = { name = "blk.%d.attn_qkv.bias", from = from, part = true, optional = true }
    from = from + part[2]
  end
  return t
end

-- Gate and up one after the other in the rows of ffn_up.
function gguf.gated_up(t, of)
  local f = of "feed_forward_length" or 0
  t.gate, t.up = { name = "blk.%d.ffn_up.weight", part = true }, { name = "blk.%d.ffn_up.weight", from = f, part = true }
  t.gate_bias, t.up_bias = nil, nil
  return t
end

function gguf.without(t, ...)
  for _, role in ipairs { ... } do t[role], t[role .. "_bias"] = nil, nil end
  return t
end

gguf.heads = { q_norm = "attn_q_norm", k_norm = "attn_k_norm" }

-- A description: functions by architecture, each of which says what differs; needs: what they calculate with.
function gguf.description(name, of_name, needs)
  local names = {}
  for known in pairs(of_name) do names[#names + 1] = known end
  return {
    name = name, types = {}, gguf = names,
    metadata = function(m, tensors)
      local of = gguf.reader(m)
      if not measured(of, needs or sizes) then return gguf.spec(m, { tensors = gguf.tensors() }) end
      local own = of_name[m["general.architecture"]](m, of, tensors or {})
      if own.unsupported then return own end
      local t = own.tensors -- the converter has an option to put q, k and v together, whatever the model
      if tensors and tensors["blk.0.attn_qkv.weight"] and t.q == "blk.%d.attn_q.weight" then gguf.fused(t, of) end
      return gguf.spec(m, own)
    end,
  }
end

return gguf
