-- Llama and its closest relatives: RMS norms before each part, rotary positions, grouped keys and values, SwiGLU.
-- Mistral adds a sliding window, Qwen2 biases on q, k and v.

local function rotary(c)
  -- v5 configurations keep theta and scaling together in rope_parameters; older ones write `type` for `rope_type`
  local s = c.rope_parameters or c.rope_scaling or {}
  return {
    kind = "rotary",
    theta = s.rope_theta or c.rope_theta or 10000.0,
    scaling = s.rope_type or s.type or "default",
    factor = s.factor, low_factor = s.low_freq_factor, high_factor = s.high_freq_factor,
    beta_fast = s.beta_fast, beta_slow = s.beta_slow, attention_factor = s.attention_factor,
    original_length = s.original_max_position_embeddings or c.max_position_embeddings,
    called = { theta = "rope_theta", scaling = "rope_type", factor = "rope_scaling.factor" },
  }
end

local function hub_tensors(c)
  local layer, t = "layers.%d.", { embed = "embed_tokens.weight", final_norm = "norm.weight", head = "lm_head.weight" }
  for key, name in pairs {
    attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm",
    q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj",
    gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj",
  } do
    t[key] = layer .. name .. ".weight"
    local biased = (c.attention_bias and #key == 1) or (c.mlp_bias and (key == "gate" or key == "up" or key == "down"))
      or (c.model_type == "qwen2" and (key == "q" or key == "k" or key == "v"))
    if biased then t[key .. "_bias"] = layer .. name .. ".bias" end
  end
  return t
end

local function window(c)
  if c.model_type == "mistral" then return c.sliding_window end
  if c.model_type == "qwen2" and c.use_sliding_window then return nil, "a sliding window in some layers only" end
end

return {
  name = "llama",
  types = { "llama", "mistral", "qwen2" },
  gguf = { "llama" },

  config = function(c)
    local sliding, trouble = window(c)
    if trouble then return { unsupported = trouble } end
    return {
      layers = c.num_hidden_layers, width = c.hidden_size, heads = c.num_attention_heads,
      kv_heads = c.num_key_value_heads, head_dim = c.head_dim, ffn = c.intermediate_size, vocab = c.vocab_size,
      max_length = c.max_position_embeddings,
      causal = true, window = sliding,
      norm = { kind = "rms", eps = c.rms_norm_eps or 1e-6, called = { eps = "rms_norm_eps" } },
      activation = c.hidden_act or "silu", gated = true,
      position = rotary(c),
      tied = c.tie_word_embeddings,
      prefixes = { "model.", "" },
      tensors = hub_tensors(c),
      ignore = { "rotary_emb.inv_freq" },
      eos = c.eos_token_id, bos = c.bos_token_id,
      called = {
        layers = "num_hidden_layers", width = "hidden_size", heads = "num_attention_heads",
        kv_heads = "num_key_value_heads", ffn = "intermediate_size", vocab = "vocab_size",
        max_length = "max_position_embeddings", window = "sliding_window", activation = "hidden_act",
      },
    }
  end,

  metadata = function(m)
    local function of(key) return m["llama." .. key] end
    local layer = "blk.%d."
    return {
      layers = of "block_count", width = of "embedding_length", heads = of "attention.head_count",
      kv_heads = of "attention.head_count_kv", head_dim = of "attention.key_length", ffn = of "feed_forward_length",
      max_length = of "context_length",
      causal = true,
      norm = { kind = "rms", eps = of "attention.layer_norm_rms_epsilon" },
      activation = "silu", gated = true,
      position = {
        kind = "rotary", theta = of "rope.freq_base" or 10000.0, dim = of "rope.dimension_count",
        scaling = of "rope.scaling.type" or "default", factor = of "rope.scaling.factor",
        original_length = of "rope.scaling.original_context_length",
      },
      permuted_qk = true,
      tied = "if missing",
      prefixes = { "" },
      tensors = {
        embed = "token_embd.weight", final_norm = "output_norm.weight", head = "output.weight",
        attn_norm = layer .. "attn_norm.weight", mlp_norm = layer .. "ffn_norm.weight",
        q = layer .. "attn_q.weight", k = layer .. "attn_k.weight", v = layer .. "attn_v.weight",
        o = layer .. "attn_output.weight",
        gate = layer .. "ffn_gate.weight", up = layer .. "ffn_up.weight", down = layer .. "ffn_down.weight",
      },
      ignore = {},
      eos = m["tokenizer.ggml.eos_token_id"], bos = m["tokenizer.ggml.bos_token_id"],
    }
  end,
}
