-- Decoders with layer norms under Llama's names: StarCoder2 (a plain feed-forward part), StableLM (a part of each head
-- rotated, parallel parts as an option), Nemotron (gains stored as w - 1, squared ReLU), Phi 1 and 2 (parallel parts).
local hub, decoder = include "hub", include "decoder"

local norms = { attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm" }
local plain = { up = "mlp.up_proj", down = "mlp.down_proj" }
local all = { attn_norm = true, mlp_norm = true }

local function with_norm_bias(biases)
  local t = hub.with(biases, all)
  return t
end

local function starcoder2(c)
  local t = decoder.tensors({ norms, decoder.attention, { up = "mlp.c_fc", down = "mlp.c_proj" } },
    with_norm_bias(decoder.biases(hub.first(c.use_bias, true), hub.first(c.use_bias, true), hub.first(c.use_bias, true))))
  return {
    tensors = t, eps = c.norm_epsilon or 1e-5, eps_called = "norm_epsilon", window = c.sliding_window,
    tied = hub.first(c.tie_word_embeddings, true), activation = c.hidden_act or "gelu_pytorch_tanh",
  }
end

local function stablelm(c)
  local parts = c.use_parallel_residual and { attn_norm = "input_layernorm" } or norms
  local t = decoder.tensors({ parts, decoder.attention, decoder.ffn },
    with_norm_bias(decoder.biases(c.use_qkv_bias, false, false)))
  if c.qk_layernorm then -- a tensor for each head
    t.q_norm, t.k_norm = "layers.%d.self_attn.q_layernorm.norms.%h.weight", "layers.%d.self_attn.k_layernorm.norms.%h.weight"
  end
  return {
    tensors = t, eps = c.layer_norm_eps or 1e-5, gated = true, parallel = c.use_parallel_residual,
    part = hub.first(c.partial_rotary_factor, c.rope_pct, not c.rope_parameters and 0.25 or nil),
    qk_norm = c.qk_layernorm and { kind = "layer", heads = true } or nil,
  }
end

local function nemotron(c)
  local t = decoder.tensors({ norms, decoder.attention, plain },
    with_norm_bias(decoder.biases(c.attention_bias, c.attention_bias, c.mlp_bias)))
  return {
    tensors = t, eps = c.norm_eps or 1e-5, eps_called = "norm_eps", add = 1, activation = c.hidden_act or "relu2",
    part = hub.first(c.partial_rotary_factor, not c.rope_parameters and 0.5 or nil),
  }
end

local function phi(c)
  local names = { q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.dense",
    up = "mlp.fc1", down = "mlp.fc2", attn_norm = "input_layernorm" }
  if c.qk_layernorm then names.q_norm, names.k_norm = "self_attn.q_layernorm", "self_attn.k_layernorm" end
  local t = decoder.tensors({ names }, true)
  t.final_norm, t.head_bias = "final_layernorm.weight", "lm_head.bias"
  return {
    tensors = t, eps = c.layer_norm_eps or 1e-5, parallel = true, activation = c.hidden_act or "gelu_new",
    qk_norm = c.qk_layernorm and { kind = "layer", heads = true } or nil,
    part = hub.first(c.partial_rotary_factor, not c.rope_parameters and 0.5 or nil),
  }
end

local function jais2(c)
  local bias, mlp = hub.first(c.attention_bias, true), hub.first(c.mlp_bias, true)
  return { tensors = decoder.tensors({ norms, decoder.attention, plain }, with_norm_bias(decoder.biases(bias, bias, mlp))),
    eps = c.layer_norm_eps or 1e-5, activation = c.hidden_act or "relu2" }
end

local of = { jais2 = jais2, starcoder2 = starcoder2, stablelm = stablelm, nemotron = nemotron, phi = phi }

return {
  name = "layernormed",
  types = { "starcoder2", "stablelm", "nemotron", "phi", "jais2" },
  config = function(c)
    local own = of[c.model_type](c)
    own.tensors.final_norm_bias = own.tensors.final_norm:gsub("weight$", "bias")
    own.norm = { kind = "layer", eps = own.eps, add = own.add, called = { eps = own.eps_called or "layer_norm_eps" } }
    local dim = c.head_dim or (c.hidden_size and c.num_attention_heads and c.hidden_size // c.num_attention_heads)
    own.position = hub.rotary(c, own.part and dim and { dim = math.floor(dim * own.part) } or nil)
    own.gated = own.gated or false
    return decoder.spec(c, own)
  end,
}
