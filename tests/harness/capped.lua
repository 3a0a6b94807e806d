-- For tests: Llama with the soft caps of Gemma 2, which no built-in description knows.

local function tensors()
  local t = { embed = "embed_tokens.weight", final_norm = "norm.weight", head = "lm_head.weight" }
  for key, name in pairs {
    attn_norm = "input_layernorm", mlp_norm = "post_attention_layernorm",
    q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj",
    gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj",
  } do
    t[key] = "layers.%d." .. name .. ".weight"
  end
  return t
end

return {
  name = "capped",
  types = { "llama", "mistral" },
  config = function(c)
    return {
      layers = c.num_hidden_layers, width = c.hidden_size, heads = c.num_attention_heads,
      kv_heads = c.num_key_value_heads, head_dim = c.head_dim, ffn = c.intermediate_size, vocab = c.vocab_size,
      max_length = c.max_position_embeddings,
      causal = true, window = c.sliding_window,
      attention_softcap = c.attn_logit_softcapping, logit_softcap = c.final_logit_softcapping,
      norm = { kind = "rms", eps = c.rms_norm_eps },
      activation = c.hidden_act, gated = true,
      position = { kind = "rotary", theta = c.rope_theta, scaling = "default" },
      prefixes = { "model.", "" },
      tensors = tensors(),
      ignore = {},
      eos = c.eos_token_id, bos = c.bos_token_id,
    }
  end,
}
