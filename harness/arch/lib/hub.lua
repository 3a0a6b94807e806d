-- What configurations on the hub spell alike, whatever the architecture.
local hub = {}

local called = {
  layers = "num_hidden_layers", width = "hidden_size", heads = "num_attention_heads", kv_heads = "num_key_value_heads",
  ffn = "intermediate_size", vocab = "vocab_size", max_length = "max_position_embeddings", window = "sliding_window",
  activation = "hidden_act", token_types = "type_vocab_size",
}

-- The first that is not nil.
function hub.first(...)
  for i = 1, select("#", ...) do
    local x = select(i, ...)
    if x ~= nil then return x end
  end
end

-- A table with the fields of both; those of `more` count.
function hub.with(t, more)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

-- The fields of a spec that nearly every configuration names alike, with more and others in `own`.
function hub.spec(c, own)
  return hub.with({
    layers = c.num_hidden_layers, width = c.hidden_size, heads = c.num_attention_heads,
    kv_heads = c.num_key_value_heads, head_dim = c.head_dim, ffn = c.intermediate_size, vocab = c.vocab_size,
    max_length = c.max_position_embeddings, activation = c.hidden_act or "silu",
    tied = c.tie_word_embeddings, eos = c.eos_token_id, bos = c.bos_token_id, ignore = {}, called = called,
  }, own)
end

function hub.called(more) return hub.with(called, more) end

-- Rotary positions. v5 configurations keep theta and scaling together in rope_parameters, for each kind of layer where
-- these differ; older ones write `type` for `rope_type`. `own` overrides.
function hub.rotary(c, own, kind)
  local s = hub.first(c.rope_parameters, c.rope_scaling) or {}
  if kind and type(s[kind]) == "table" then s = s[kind] end
  if type(s) ~= "table" then s = {} end
  local scaling = s.rope_type or s.type or "default"
  if scaling == "su" then scaling = "longrope" end -- the first name of it
  -- what stands outside the settings counts; saying nothing is saying that it was trained with its whole length
  local original = hub.first(c.original_max_position_embeddings, s.original_max_position_embeddings, c.max_position_embeddings)
  local part = hub.first(s.partial_rotary_factor, c.partial_rotary_factor, c.rotary_pct, c.rope_pct)
  local head = c.head_dim or (c.hidden_size and c.num_attention_heads and c.hidden_size // c.num_attention_heads)
  local factor, longest = s.factor, c.max_position_embeddings
  if (scaling == "longrope" or scaling == "yarn") and not factor and longest and original then factor = longest / original end
  return hub.with({
    kind = "rotary",
    theta = hub.first(s.rope_theta, c.rope_theta, c.rotary_emb_base, 10000.0),
    dim = part and part < 1 and head and math.floor(head * part) or nil,
    scaling = scaling == "mrope" and "default" or scaling, factor = factor,
    low_factor = s.low_freq_factor, high_factor = s.high_freq_factor,
    beta_fast = s.beta_fast, beta_slow = s.beta_slow, unrounded = s.truncate == false or nil,
    attention_factor = s.attention_factor, mscale = s.mscale, mscale_all = s.mscale_all_dim,
    short_factors = s.short_factor, long_factors = s.long_factor,
    original_length = scaling ~= "dynamic" and original or c.max_position_embeddings,
    called = { theta = "rope_theta", scaling = "rope_type", factor = "rope_scaling.factor" },
  }, own)
end

-- Names of layer tensors: `names` says which module plays which role, `biased` which of them have a bias.
function hub.layer(t, prefix, names, biased)
  for role, name in pairs(names) do
    t[role] = prefix .. name .. ".weight"
    if biased == true or (biased and biased[role]) then t[role .. "_bias"] = prefix .. name .. ".bias" end
  end
  return t
end

-- For each layer: is it one of those that slide? `layer_types` says so, else the function `otherwise` of its number.
function hub.sliding(c, otherwise)
  local list = {}
  for i = 1, c.num_hidden_layers do
    if c.layer_types then list[i] = c.layer_types[i] == "sliding_attention" else list[i] = otherwise(i) end
  end
  return list
end

-- Which layers slide by a pattern. "LLLG": a letter a layer, again and again; a number: every n-th sees everything.
function hub.pattern(pattern)
  return function(i)
    if type(pattern) ~= "string" then return i % pattern ~= 0 end
    local at = (i - 1) % #pattern + 1
    return pattern:sub(at, at) == "L"
  end
end

-- Is it a model of classes? Its tensors say whether there is a classifier; this, what its labels mean.
function hub.classifier(c, pooling, activation)
  return { pooling = pooling, activation = activation, many = c.problem_type == "multi_label_classification" }
end

return hub
