-- What a configuration means where it is silent: values that its type has and that others of its kind don't share.
local yes, no = true, false
local of = {
  apertus = { rms_norm_eps = 1e-5 },
  lfm2 = { tie_word_embeddings = yes, rope_theta = 1e6, num_key_value_heads = 8 },
  bamba = { rms_norm_eps = 1e-5 },
  bloom = { n_head = 8 },
  cohere = { rope_theta = 500000.0 },
  deepseek_v2 = { n_shared_experts = 2, n_routed_experts = 64, moe_intermediate_size = 1407, topk_method = "greedy",
    kv_lora_rank = 512, qk_nope_head_dim = 128, qk_rope_head_dim = 64, v_head_dim = 128 },
  deepseek_v3 = { first_k_dense_replace = 3, n_shared_experts = 1, n_routed_experts = 256, num_experts_per_tok = 8, n_group = 8,
    topk_group = 4, routed_scaling_factor = 2.5, norm_topk_prob = yes, moe_intermediate_size = 2048, kv_lora_rank = 512,
    qk_nope_head_dim = 128, qk_rope_head_dim = 64, v_head_dim = 128 },
  dots1 = { norm_topk_prob = no },
  ernie4_5 = { tie_word_embeddings = yes, rope_theta = 500000.0, rms_norm_eps = 1e-5, head_dim = 128, num_key_value_heads = 2 },
  ernie4_5_moe = { tie_word_embeddings = yes, rope_theta = 500000.0, rms_norm_eps = 1e-5, moe_num_experts = 64, moe_k = 6,
    moe_num_shared_experts = 2, moe_layer_start_index = 1, moe_layer_interval = 1, moe_intermediate_size = 1536 },
  eurobert = { rms_norm_eps = 1e-5 },
  falcon = { multi_query = yes },
  glm = { rms_norm_eps = 1.5625e-07, attention_bias = yes, head_dim = 128, num_key_value_heads = 2 },
  glm4 = { rms_norm_eps = 1.5625e-07, attention_bias = yes, head_dim = 128, num_key_value_heads = 2 },
  glm4_moe = { rms_norm_eps = 1e-5, n_shared_experts = 1, n_routed_experts = 128, num_experts_per_tok = 8, n_group = 1,
    topk_group = 1, routed_scaling_factor = 1.0, norm_topk_prob = yes, first_k_dense_replace = 1, moe_intermediate_size = 1408,
    partial_rotary_factor = 0.5 },
  gpt_oss = { num_experts_per_tok = 4, num_local_experts = 128, rope_theta = 150000.0 },
  granite = { attention_multiplier = 1.0 },
  granitemoe = { attention_multiplier = 1.0, num_experts_per_tok = 2, num_local_experts = 8 },
  granitemoeshared = { attention_multiplier = 1.0, num_experts_per_tok = 2, num_local_experts = 8, shared_intermediate_size = 1024 },
  gte = { rope_theta = 160000.0, type_vocab_size = 1 },
  flex_olmo = { rope_theta = 500000.0 },
  plbart = { scale_embedding = yes },
  blenderbot = { encoder_layers = 2 },
  ["xlm-roberta-xl"] = { type_vocab_size = 1 },
  exaone_moe = { first_k_dense_replace = 1, rms_norm_eps = 1e-5 },
  helium = { rms_norm_eps = 1e-8, rope_theta = 100000.0, head_dim = 128 },
  internlm3 = { rms_norm_eps = 1e-5, num_key_value_heads = 2, head_dim = 128 },
  glm4_moe_lite = { first_k_dense_replace = 1, n_shared_experts = 1, n_routed_experts = 64, num_experts_per_tok = 4, n_group = 1,
    topk_group = 1, routed_scaling_factor = 1.8, norm_topk_prob = yes, moe_intermediate_size = 1536, rms_norm_eps = 1e-5 },
  minicpm3 = { tie_word_embeddings = yes, scale_emb = 12, scale_depth = 1.4, dim_model_base = 256 },
  youtu = { tie_word_embeddings = yes },
  minimax_m2 = { rope_theta = 5e6 },
  mixtral = { num_experts_per_tok = 2, num_local_experts = 8, rope_theta = 1e6, rms_norm_eps = 1e-5 },
  modernbert = { global_rope_theta = 160000.0, local_rope_theta = 10000.0 },
  mt5 = { feed_forward_proj = "gated-gelu", num_heads = 6 },
  nomic_bert = { rope_theta = 1000.0, type_vocab_size = 2 },
  olmo3 = { rope_theta = 500000.0 },
  phi3 = { rms_norm_eps = 1e-5 },
  phimoe = { num_experts_per_tok = 2, num_local_experts = 16, rope_theta = 1e6, rms_norm_eps = 1e-5 },
  smollm3 = { tie_word_embeddings = yes, rope_theta = 2e6 },
  solar_open = { rope_theta = 1e6, rms_norm_eps = 1e-5 },
  starcoder2 = { num_key_value_heads = 2 },
  t5 = { num_heads = 8 },
  umt5 = { feed_forward_proj = "gated-gelu", num_heads = 6 },
}

-- c with what it leaves to its type.
return function(c)
  local own = of[c.model_type]
  if not own then return c end
  local out = {}
  for k, v in pairs(own) do out[k] = v end
  for k, v in pairs(c) do out[k] = v end
  return out
end
