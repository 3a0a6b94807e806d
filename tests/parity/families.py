"""The sweep's recipes: a family is a model type, a small configuration and the variants that change it."""

FAMILIES = []


def family(name, tasks, config, type=None, lengths=None, cls=None, **variants):
    known = {"name": name, "type": type or name, "tasks": tasks.split(), "config": config, "variants": {"base": {}, **variants}}
    if lengths:
        known["lengths"] = lengths
    if cls:
        known["class"] = cls
    FAMILIES.append(known)


def rope(kind, theta=10000.0, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}}


LINEAR = rope("linear", factor=3.0)
DYNAMIC = dict(rope("dynamic", factor=2.0), max_position_embeddings=24)
LLAMA3 = rope("llama3", 50000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=32)
YARN_FULL = rope("yarn", 1e6, factor=8.0, original_max_position_embeddings=16, beta_fast=16.0, beta_slow=2.0, attention_factor=1.3)
BF16, F16, SHARDED = {"_dtype": "bfloat16"}, {"_dtype": "float16"}, {"_shards": "40KB"}

BASE = dict(vocab_size=211, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
            num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=2)


def base(**more):
    return {**BASE, **more}


def without(table, *keys):
    return {k: v for k, v in table.items() if k not in keys}


ENC = without(BASE, "num_key_value_heads")
ODD = dict(hidden_size=40, num_attention_heads=5, num_key_value_heads=1, vocab_size=131)

# ---- encoders ----

BERTISH = dict(tanh=dict(hidden_act="gelu_new"), relu=dict(hidden_act="relu", layer_norm_eps=1e-5), one_type=dict(type_vocab_size=1),
               odd=dict(hidden_size=35, num_attention_heads=5, intermediate_size=51), f16=F16, sharded=SHARDED, deep=dict(num_hidden_layers=6))
family("bert", "enc cls", ENC, two_labels=dict(num_labels=2), one_label=dict(num_labels=1), **BERTISH)
PADDED = dict(ENC, pad_token_id=1, bos_token_id=0)
for name in ("roberta", "xlm-roberta", "camembert"):
    family(name, "enc cls", dict(PADDED, type_vocab_size=1), types=dict(type_vocab_size=2), **without(BERTISH, "one_type"))
family("xlm-roberta-xl", "enc cls", dict(PADDED, type_vocab_size=1), relu=dict(hidden_act="relu"))
family("data2vec-text", "enc cls", dict(PADDED, type_vocab_size=1), relu=dict(hidden_act="relu"))
family("roberta-prelayernorm", "enc cls", dict(PADDED, type_vocab_size=1), relu=dict(hidden_act="relu"))
family("ernie", "enc cls", ENC, tasked=dict(use_task_id=True), relu=dict(hidden_act="relu"))
family("megatron-bert", "enc cls", ENC, relu=dict(hidden_act="relu"))
family("rembert", "enc cls", dict(ENC, input_embedding_size=20, output_embedding_size=24), relu=dict(hidden_act="relu"))
family("bert-generation", "enc", ENC, relu=dict(hidden_act="relu"))
family("roformer", "enc cls", dict(ENC, embedding_size=48), narrow=dict(embedding_size=20), rotary_value=dict(rotary_value=True))
family("convbert", "enc", dict(ENC, embedding_size=48, head_ratio=2))
family("mpnet", "enc cls", dict(PADDED), **without(BERTISH, "one_type"))
family("distilbert", "enc cls", dict(vocab_size=211, dim=48, hidden_dim=80, n_layers=3, n_heads=6, max_position_embeddings=256, pad_token_id=0),
       relu=dict(activation="relu"), sin=dict(sinusoidal_pos_embds=True), f16=F16, odd=dict(dim=35, n_heads=5, hidden_dim=51))
family("albert", "enc cls", dict(ENC, embedding_size=24), groups=dict(num_hidden_groups=3), inner=dict(inner_group_num=2), wide=dict(embedding_size=48),
       tanh=dict(hidden_act="gelu_new"), f16=F16, two_of_four=dict(num_hidden_layers=4, num_hidden_groups=2))
family("electra", "enc cls", dict(ENC, embedding_size=24), wide=dict(embedding_size=48), relu=dict(hidden_act="relu"), one_type=dict(type_vocab_size=1), bf16=BF16)
DEB = dict(ENC, relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, max_relative_positions=-1, type_vocab_size=0)
DEBERTAS = dict(c2p=dict(pos_att_type=["c2p"]), p2c=dict(pos_att_type=["p2c"]), absolute=dict(relative_attention=False, position_biased_input=True, pos_att_type=[]),
                biased=dict(position_biased_input=True), near=dict(max_relative_positions=12), types=dict(type_vocab_size=2), f16=F16,
                both=dict(pos_att_type="c2p|p2c"), pooler=dict(pooler_hidden_act="tanh"))
family("deberta", "enc cls", DEB, **DEBERTAS)
family("deberta-v2", "enc cls", DEB, buckets=dict(position_buckets=8), v3=dict(position_buckets=8, share_att_key=True, norm_rel_ebd="layer_norm"),
       shared=dict(share_att_key=True), narrow=dict(embedding_size=24), conv=dict(conv_kernel_size=3, conv_act="gelu", position_buckets=8), conv5=dict(conv_kernel_size=5, conv_act="tanh", num_hidden_layers=1), narrow_biased=dict(embedding_size=24, position_biased_input=True, type_vocab_size=2),
       **DEBERTAS)
MODERN = dict(vocab_size=211, hidden_size=48, intermediate_size=64, num_hidden_layers=5, num_attention_heads=6, max_position_embeddings=256, pad_token_id=0,
              bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, local_attention=8)
family("modernbert", "enc cls", MODERN, every2=dict(global_attn_every_n_layers=2), bias=dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True),
       mean=dict(classifier_pooling="mean"), silu=dict(hidden_activation="silu", classifier_activation="silu"), odd_window=dict(local_attention=7), f16=F16,
       odd=dict(hidden_size=40, num_attention_heads=5), eps=dict(norm_eps=1e-3))
NOMIC = dict(ENC)
family("nomic_bert", "enc", NOMIC, bias=dict(qkv_proj_bias=True, mlp_fc1_bias=True, mlp_fc2_bias=True), theta=rope("default", 1000.0), gelu=dict(hidden_act="gelu"),
       one_type=dict(type_vocab_size=1), partial=rope("default", 10000.0, partial_rotary_factor=0.5), dynamic=rope("dynamic", factor=2.0), linear=LINEAR)
family("gte", "enc cls", ENC, types=dict(type_vocab_size=2), silu=dict(hidden_act="silu"), ntk=rope("dynamic", factor=2.0), f16=F16, theta=rope("default", 1000.0))
family("eurobert", "enc cls", base(), bias=dict(attention_bias=True, mlp_bias=True), bos=dict(classifier_pooling="bos"), mean=dict(classifier_pooling="mean"),
       late=dict(classifier_pooling="late"), mha=dict(num_key_value_heads=6), gelu=dict(hidden_act="gelu"), head=dict(head_dim=16))
family("jina_embeddings_v3", "enc cls", dict(PADDED, type_vocab_size=1), theta=rope("default", 777.0), types=dict(type_vocab_size=2), relu=dict(hidden_act="relu"))
family("esm", "enc", dict(ENC, position_embedding_type="rotary", mask_token_id=3, pad_token_id=1))
T5ENC = dict(vocab_size=211, d_model=48, d_kv=8, d_ff=80, num_layers=3, num_decoder_layers=2, num_heads=6, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
T5S = dict(gated=dict(feed_forward_proj="gated-gelu"), silu=dict(feed_forward_proj="gated-silu"), untied=dict(tie_word_embeddings=False),
           odd=dict(d_kv=12, num_heads=5), buckets=dict(relative_attention_num_buckets=16, relative_attention_max_distance=20), eps=dict(layer_norm_epsilon=1e-4), f16=F16,
           flan=dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, _dtype="bfloat16"))
for name in ("t5", "mt5", "umt5"):
    family(name, "s2s", T5ENC, **T5S)
    family(name + "-encoder", "enc", T5ENC, type=name, cls=name.upper() + "EncoderModel", **T5S)
BART = dict(vocab_size=211, d_model=48, encoder_layers=2, decoder_layers=3, encoder_attention_heads=6, decoder_attention_heads=4, encoder_ffn_dim=80, decoder_ffn_dim=64,
            max_position_embeddings=128, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
BARTS = dict(scaled=dict(scale_embedding=True), relu=dict(activation_function="relu"), f16=F16, gelu=dict(activation_function="gelu"))
for name in ("bart", "mbart", "pegasus", "marian", "blenderbot", "blenderbot-small", "plbart", "mvp"):
    family(name, "s2s", BART, **BARTS)
family("m2m_100", "s2s", BART, **BARTS)
family("switch_transformers", "s2s", without(T5ENC))

# ---- decoders ----

GPT2 = dict(vocab_size=211, n_embd=48, n_layer=3, n_head=6, n_positions=128, bos_token_id=1, eos_token_id=2)
family("gpt2", "dec cls", GPT2, unscaled=dict(scale_attn_weights=False), by_layer=dict(scale_attn_by_inverse_layer_idx=True), relu=dict(activation_function="relu"),
       inner=dict(n_inner=100), untied=dict(tie_word_embeddings=False), eps=dict(layer_norm_epsilon=1e-3), odd=dict(n_embd=35, n_head=5), sharded=SHARDED, bf16=BF16)
family("gpt_neo", "dec cls", dict(vocab_size=211, hidden_size=48, num_layers=4, num_heads=6, max_position_embeddings=128, window_size=8,
       attention_types=[[["global", "local"], 2]], bos_token_id=1, eos_token_id=2), inner=dict(intermediate_size=70), all_global=dict(attention_types=[[["global"], 4]]), f16=F16)
NEOX = without(BASE, "num_key_value_heads")
family("gpt_neox", "dec cls", NEOX, sequential=dict(use_parallel_residual=False), rotary=rope("default", 10000.0, partial_rotary_factor=0.5), full=rope("default", 5000.0, partial_rotary_factor=1.0),
       unbiased=dict(attention_bias=False), gelu=dict(hidden_act="gelu_new"), tied=dict(tie_word_embeddings=True), f16=F16, linear=rope("linear", factor=2.0, partial_rotary_factor=0.5),
       odd=dict(hidden_size=40, num_attention_heads=5), eps=dict(layer_norm_eps=1e-3))
family("gpt_neox_japanese", "dec", NEOX)
GPTJ = dict(vocab_size=211, n_embd=48, n_layer=3, n_head=6, n_positions=128, rotary_dim=4, bos_token_id=1, eos_token_id=2)
family("gptj", "dec cls", GPTJ, full=dict(rotary_dim=8), inner=dict(n_inner=100), relu=dict(activation_function="relu"), f16=F16)
family("codegen", "dec", dict(GPTJ, n_head=4, n_embd=64, rotary_dim=8), full=dict(rotary_dim=16), inner=dict(n_inner=100), eight=dict(n_head=8, rotary_dim=4), f16=F16)
family("gpt_bigcode", "dec cls", GPT2, mha=dict(multi_query=False), inner=dict(n_inner=100), f16=F16, unscaled=dict(scale_attn_weights=False), gelu=dict(activation_function="gelu"))
OPT = dict(vocab_size=211, hidden_size=48, ffn_dim=80, num_hidden_layers=3, num_attention_heads=6, max_position_embeddings=128, word_embed_proj_dim=48, pad_token_id=1, bos_token_id=2, eos_token_id=2)
family("opt", "dec cls", OPT, after=dict(do_layer_norm_before=False), narrow=dict(word_embed_proj_dim=24), small=dict(word_embed_proj_dim=24, do_layer_norm_before=False),
       gelu=dict(activation_function="gelu"), unbiased=dict(enable_bias=False), bare=dict(layer_norm_elementwise_affine=False), no_final=dict(_remove_final_layer_norm=True), untied=dict(tie_word_embeddings=False), f16=F16)
family("bloom", "dec cls", dict(vocab_size=211, hidden_size=48, n_layer=3, n_head=6, bos_token_id=1, eos_token_id=2), odd=dict(n_head=3), eight=dict(n_head=8), eps=dict(layer_norm_epsilon=1e-3),
       after=dict(apply_residual_connection_post_layernorm=True), f16=F16, twelve=dict(n_head=12))
FALCON = dict(vocab_size=211, hidden_size=48, num_hidden_layers=3, num_attention_heads=6, bos_token_id=11, eos_token_id=11, ffn_hidden_size=128, max_position_embeddings=128)
family("falcon", "dec cls", FALCON, new=dict(new_decoder_architecture=True, num_kv_heads=2), new_one=dict(new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1),
       rw=dict(alibi=True, multi_query=False, parallel_attn=False, bias=True, _attention="sdpa"), mha=dict(multi_query=False), seq=dict(parallel_attn=False), alibi=dict(alibi=True, _attention="sdpa"), bias=dict(bias=True),
       new_bias=dict(new_decoder_architecture=True, num_kv_heads=3, bias=True), linear=LINEAR, theta=rope("default", 500.0), eps=dict(layer_norm_epsilon=1e-3), bf16=BF16,
       untied=dict(tie_word_embeddings=False), new_mha=dict(new_decoder_architecture=True, num_kv_heads=6), tanh=dict(activation="gelu_pytorch_tanh"))
MPT = dict(vocab_size=211, d_model=48, n_heads=6, n_layers=3, expansion_ratio=2, max_seq_len=128)
family("mpt", "dec cls", MPT, clip=dict(attn_config={"clip_qkv": 0.5}), eight=dict(n_heads=8), odd=dict(d_model=40, n_heads=5),
       scale=dict(attn_config={"softmax_scale": 0.2}), no_alibi=dict(attn_config={"alibi": False}), qk_ln=dict(attn_config={"qk_ln": True}), f16=F16)
LLAMAS = dict(mha=dict(num_key_value_heads=6), mqa=dict(num_key_value_heads=1), odd=ODD, tied=dict(tie_word_embeddings=True), linear=LINEAR, dynamic=DYNAMIC, llama3=LLAMA3, yarn=YARN, yarn_full=YARN_FULL,
              theta=rope("default", 777.0), eps=dict(rms_norm_eps=1e-3), gelu=dict(hidden_act="gelu"), bf16=BF16, sharded=SHARDED)
BIASED = dict(attention_bias=True)
family("llama", "dec cls", base(), bias=dict(attention_bias=True, mlp_bias=True), head=dict(head_dim=16), long=rope("longrope", short_factor=[1.0, 1.2, 1.5, 2.0], long_factor=[1.5, 2.0, 3.0, 4.0],
       original_max_position_embeddings=32), **LLAMAS)
SLIDES = dict(sliding_window=8)
family("mistral", "dec cls", base(sliding_window=None), window=SLIDES, head=dict(head_dim=16), **LLAMAS)
family("ministral", "dec", base(sliding_window=8, head_dim=8), full=dict(layer_types=["full_attention"] * 3), mixed=dict(layer_types=["full_attention", "sliding_attention", "full_attention"]))
family("ministral3", "dec", base(head_dim=8, rope_parameters={"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0,
       "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}), plain=rope("default", 10000.0, llama_4_scaling_beta=0.1, original_max_position_embeddings=64))
family("mixtral", "dec cls", base(num_local_experts=5), window=SLIDES, three=dict(num_experts_per_tok=3), head=dict(head_dim=16), f16=F16, theta=rope("default", 777.0), odd=ODD, eps=dict(rms_norm_eps=1e-3))
QWEN_SLIDES = dict(use_sliding_window=True, sliding_window=8, max_window_layers=1)
family("qwen2", "dec cls", base(), window=QWEN_SLIDES, window_all=dict(use_sliding_window=True, sliding_window=8, max_window_layers=0), unused=dict(sliding_window=8, max_window_layers=1), **LLAMAS)
family("qwen3", "dec cls", base(head_dim=16), window=QWEN_SLIDES, bias=BIASED, head=dict(head_dim=8), **without(LLAMAS, "odd"))
QMOE = base(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=40)
family("qwen2_moe", "dec cls", dict(QMOE, shared_expert_intermediate_size=56), norm=dict(norm_topk_prob=True), step=dict(decoder_sparse_step=2), dense=dict(mlp_only_layers=[0]), unbiased=dict(qkv_bias=False), window=QWEN_SLIDES)
family("qwen3_moe", "dec cls", dict(QMOE, head_dim=16), norm=dict(norm_topk_prob=True), step=dict(decoder_sparse_step=2), dense=dict(mlp_only_layers=[0, 2]), bias=BIASED, window=QWEN_SLIDES, bf16=BF16)
family("qwen3_next", "dec", dict(QMOE, head_dim=16, num_hidden_layers=4, linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8, shared_expert_intermediate_size=40), bias=BIASED, dense=dict(mlp_only_layers=[1]), one_group=dict(linear_num_key_heads=4), wide=dict(linear_value_head_dim=16, linear_conv_kernel_dim=3), unnormed=dict(norm_topk_prob=False))
NEXT = base(head_dim=16, num_hidden_layers=4, linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8)
family("qwen3_5_text", "dec", NEXT, types=dict(layer_types=["full_attention", "linear_attention"] * 2), bias=BIASED, tied=dict(tie_word_embeddings=True), wide=dict(linear_value_head_dim=16))
family("qwen3_5_moe_text", "dec", dict(without(NEXT, "intermediate_size"), num_experts=6, num_experts_per_tok=2, moe_intermediate_size=40, shared_expert_intermediate_size=40))
GEMMAS = dict(mha=dict(num_key_value_heads=6), mqa=dict(num_key_value_heads=1), bias=BIASED, theta=rope("default", 777.0), bf16=BF16, eps=dict(rms_norm_eps=1e-3))
family("gemma", "dec cls", base(head_dim=16), tied=dict(tie_word_embeddings=True), **GEMMAS)
family("gemma2", "dec cls", base(head_dim=16, sliding_window=8, query_pre_attn_scalar=12, num_hidden_layers=4), uncapped=dict(attn_logit_softcapping=None, final_logit_softcapping=None),
       caps=dict(attn_logit_softcapping=3.0, final_logit_softcapping=2.0), **GEMMAS)
G3 = base(head_dim=16, sliding_window=8, query_pre_attn_scalar=12, num_hidden_layers=7)
family("gemma3_text", "dec cls", G3, both=dict(use_bidirectional_attention=True), caps=dict(attn_logit_softcapping=3.0, final_logit_softcapping=2.0), bf16=BF16, mqa=dict(num_key_value_heads=1),
       scaled=dict(rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0}}),
       types=dict(layer_types=["sliding_attention", "full_attention"] * 3 + ["full_attention"]))
family("embeddinggemma", "enc", dict(G3, use_bidirectional_attention=True), type="gemma3_text", bf16=BF16)
family("vaultgemma", "dec", base(head_dim=16, sliding_window=8, query_pre_attn_scalar=12, num_hidden_layers=4))
PHI = base(num_key_value_heads=6)
family("phi", "dec cls", PHI, gqa=dict(num_key_value_heads=2), qk=dict(qk_layernorm=True), partial=rope("default", partial_rotary_factor=0.25), eps=dict(layer_norm_eps=1e-3), f16=F16, linear=rope("linear", factor=2.0, partial_rotary_factor=0.5))
family("phi3", "dec cls", base(), window=SLIDES, long=dict(rope("longrope", short_factor=[1.0, 1.2, 1.5, 2.0], long_factor=[1.5, 2.0, 3.0, 4.0], original_max_position_embeddings=32), original_max_position_embeddings=32),
       short=dict(rope("longrope", short_factor=[1.0, 1.2, 1.5, 2.0], long_factor=[1.5, 2.0, 3.0, 4.0], original_max_position_embeddings=64), original_max_position_embeddings=64),
       partial=dict(num_attention_heads=6, hidden_size=96, **rope("default", partial_rotary_factor=0.75)), tied=dict(tie_word_embeddings=True), mha=dict(num_key_value_heads=6),
       phi4mini=dict(hidden_size=96, tie_word_embeddings=True, max_position_embeddings=256, **rope("longrope", partial_rotary_factor=0.75, short_factor=[1.0] * 6, long_factor=[1.0, 1.1, 1.5, 2.0, 3.0, 4.0], original_max_position_embeddings=32), original_max_position_embeddings=32))
family("phimoe", "dec cls", base(num_local_experts=5), bias=dict(attention_bias=True, lm_head_bias=True), window=SLIDES, many=dict(num_local_experts=16),
       long=dict(rope("longrope", short_factor=[1.0, 1.2, 1.5, 2.0], long_factor=[1.5, 2.0, 3.0, 4.0], short_mscale=1.2, long_mscale=1.2, original_max_position_embeddings=32), original_max_position_embeddings=32))
family("stablelm", "dec cls", base(), bias=dict(use_qkv_bias=True), parallel=dict(use_parallel_residual=True), qk=dict(qk_layernorm=True), qk_parallel=dict(qk_layernorm=True, use_parallel_residual=True),
       rotary=rope("default", partial_rotary_factor=0.5), tied=dict(tie_word_embeddings=True), eps=dict(layer_norm_eps=1e-3), f16=F16, mha=dict(num_key_value_heads=6))
family("olmo", "dec cls", base(), clip=dict(clip_qkv=0.5), bias=BIASED, tied=dict(tie_word_embeddings=True), linear=LINEAR, mha=dict(num_key_value_heads=6))
family("olmo2", "dec cls", base(), bias=BIASED, **without(LLAMAS, "sharded"))
O3 = base(num_hidden_layers=5, sliding_window=8)
family("olmo3", "dec cls", O3, bias=BIASED, yarn=YARN, types=dict(layer_types=["full_attention", "sliding_attention"] * 2 + ["full_attention"]), mha=dict(num_key_value_heads=6), eps=dict(rms_norm_eps=1e-3))
family("olmoe", "dec", base(num_experts=6, num_experts_per_tok=2, intermediate_size=40), norm=dict(norm_topk_prob=True), clip=dict(clip_qkv=0.5), bias=BIASED, mha=dict(num_key_value_heads=6))
family("flex_olmo", "dec", base(num_experts=6, num_experts_per_tok=2, intermediate_size=40), norm=dict(norm_topk_prob=True))
family("starcoder2", "dec cls", base(sliding_window=None), window=SLIDES, unbiased=dict(use_bias=False), untied=dict(tie_word_embeddings=False), gelu=dict(hidden_act="gelu"), eps=dict(norm_epsilon=1e-3), f16=F16)
family("cohere", "dec", base(), qk=dict(use_qk_norm=True), bias=BIASED, scale=dict(logit_scale=0.5), untied=dict(tie_word_embeddings=False), eps=dict(layer_norm_eps=1e-3), f16=F16, mha=dict(num_key_value_heads=6))
family("cohere2", "dec", base(num_hidden_layers=5, sliding_window=8), bias=BIASED, scale=dict(logit_scale=0.5), head=dict(head_dim=16), theta=rope("default", 777.0), bf16=BF16)
DS = base(kv_lora_rank=20, q_lora_rank=24, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8, n_shared_experts=2, num_experts_per_tok=3, moe_intermediate_size=24,
          num_key_value_heads=6, first_k_dense_replace=1, routed_scaling_factor=1.7, n_group=4, topk_group=2)
family("deepseek_v2", "dec cls", dict(DS, topk_method="greedy"), lite=dict(q_lora_rank=None), grouped=dict(topk_method="group_limited_greedy"), norm=dict(norm_topk_prob=True), dense=dict(first_k_dense_replace=2), all_sparse=dict(first_k_dense_replace=0),
       bias=BIASED,
       yarn=rope("yarn", factor=40.0, original_max_position_embeddings=16, mscale=0.707, mscale_all_dim=0.707, beta_fast=32.0, beta_slow=1.0))
family("deepseek_v3", "dec cls", dict(DS), lite=dict(q_lora_rank=None), unnormed=dict(norm_topk_prob=False), one_group=dict(n_group=1, topk_group=1), all_sparse=dict(first_k_dense_replace=0), plain=dict(rope_interleave=False), bias=BIASED,
       yarn=rope("yarn", factor=40.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=1.0, beta_fast=32.0, beta_slow=1.0), bf16=BF16, wide_value=dict(v_head_dim=20), same=dict(v_head_dim=20, qk_nope_head_dim=12))
family("smollm3", "dec cls", base(num_hidden_layers=5), no_rope=dict(no_rope_layers=[1, 0, 1, 1, 0]), every=dict(no_rope_layer_interval=2), bias=dict(attention_bias=True, mlp_bias=True), untied=dict(tie_word_embeddings=False),
       window=dict(use_sliding_window=True, sliding_window=8), yarn=YARN)
GRANITES = dict(embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=4.0)
family("granite", "dec", base(**GRANITES), bias=dict(attention_bias=True, mlp_bias=True), tied=dict(tie_word_embeddings=True), plain=dict(embedding_multiplier=1.0, residual_multiplier=1.0, attention_multiplier=1.0, logits_scaling=1.0), bf16=BF16)
family("granitemoe", "dec", base(num_local_experts=5, num_experts_per_tok=2, **GRANITES), bias=BIASED, tied=dict(tie_word_embeddings=True))
family("granitemoeshared", "dec", base(num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=40, **GRANITES), bias=BIASED, unshared=dict(shared_intermediate_size=0))
family("glm", "dec cls", base(head_dim=16), bias=BIASED, full=rope("default", partial_rotary_factor=1.0), tied=dict(tie_word_embeddings=True), mha=dict(num_key_value_heads=6), eps=dict(rms_norm_eps=1e-3))
family("glm4", "dec cls", base(head_dim=16), bias=BIASED, theta=rope("default", 777.0, partial_rotary_factor=0.5), tied=dict(tie_word_embeddings=True))
GLMMOE = base(head_dim=16, n_routed_experts=8, n_shared_experts=1, num_experts_per_tok=3, moe_intermediate_size=24, first_k_dense_replace=1, routed_scaling_factor=1.7, n_group=1, topk_group=1)
family("glm4_moe", "dec", GLMMOE, qk=dict(use_qk_norm=True), bias=BIASED, unnormed=dict(norm_topk_prob=False), groups=dict(n_group=4, topk_group=2), two=dict(n_shared_experts=2), dense2=dict(first_k_dense_replace=2))
family("glm4_moe_lite", "dec", dict(DS, n_group=1, topk_group=1))
family("exaone4", "dec cls", base(num_hidden_layers=5, sliding_window=None, layer_types=["full_attention"] * 5), window=dict(sliding_window=8, layer_types=["sliding_attention"] * 3 + ["full_attention", "sliding_attention"]), llama3=LLAMA3, tied=dict(tie_word_embeddings=True), eps=dict(rms_norm_eps=1e-3))
family("nemotron", "dec cls", base(), bias=dict(attention_bias=True, mlp_bias=True), rotary=rope("default", partial_rotary_factor=0.25), eps=dict(norm_eps=1e-3), tied=dict(tie_word_embeddings=True), head=dict(head_dim=16))
family("ernie4_5", "dec", base(), bias=dict(use_bias=True), untied=dict(tie_word_embeddings=False), head=dict(head_dim=16), theta=rope("default", 777.0))
family("ernie4_5_moe", "dec", base(moe_num_experts=6, moe_k=2, moe_intermediate_size=24, moe_num_shared_experts=2, moe_layer_start_index=1, moe_layer_end_index=-1, moe_layer_interval=1), bias=dict(use_bias=True), unshared=dict(moe_num_shared_experts=0), every=dict(moe_layer_start_index=0))
family("seed_oss", "dec cls", base(head_dim=16), out=dict(attention_out_bias=True), unbiased=dict(attention_bias=False), mlp=dict(mlp_bias=True), tied=dict(tie_word_embeddings=True))
family("gpt_oss", "dec", base(head_dim=16, num_local_experts=5, num_experts_per_tok=2, sliding_window=8, num_hidden_layers=4), four=dict(num_experts_per_tok=4), unbiased=dict(attention_bias=False), plain=rope("default", 777.0), bf16=BF16, types=dict(layer_types=["full_attention"] * 4))
MAMBA = dict(vocab_size=211, hidden_size=48, state_size=8, num_hidden_layers=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
family("mamba", "dec", MAMBA, bias=dict(use_bias=True), unbiased=dict(use_conv_bias=False), expand=dict(expand=3), rank=dict(time_step_rank=5), taps=dict(conv_kernel=3), untied=dict(tie_word_embeddings=False), eps=dict(layer_norm_epsilon=1e-3), f16=F16)
family("falcon_mamba", "dec", MAMBA, bias=dict(use_bias=True), rms=dict(mixer_rms_eps=1e-3), expand=dict(expand=3))
M2 = dict(vocab_size=211, hidden_size=48, state_size=16, num_hidden_layers=3, num_heads=12, head_dim=8, n_groups=2, chunk_size=8, pad_token_id=0, bos_token_id=1, eos_token_id=2)
family("mamba2", "dec", M2, one_group=dict(n_groups=1), bias=dict(use_bias=True), no_conv_bias=dict(use_conv_bias=False), expand=dict(expand=1, num_heads=6), untied=dict(tie_word_embeddings=False), taps=dict(conv_kernel=3),
       limit=dict(time_step_limit=(0.05, 0.2)), wide=dict(num_heads=3, head_dim=32, n_groups=1), f16=F16, eps=dict(layer_norm_epsilon=1e-3), groups=dict(n_groups=4), no_norm=dict(rms_norm=False))
HYBRID = base(num_hidden_layers=4)
family("bamba", "dec", dict(HYBRID, attn_layer_indices=[1, 3], mamba_n_heads=12, mamba_d_head=8, mamba_n_groups=2, mamba_d_state=16, mamba_chunk_size=8), one=dict(mamba_n_groups=1, attn_layer_indices=[2]), bias=dict(mamba_proj_bias=True),
       no_conv_bias=dict(mamba_conv_bias=False), tied=dict(tie_word_embeddings=True), expand=dict(mamba_expand=1, mamba_n_heads=6), f16=F16)
family("falcon_h1", "dec", dict(HYBRID, mamba_n_heads=12, mamba_d_head=8, mamba_d_ssm=96, mamba_n_groups=2, mamba_d_state=16, mamba_chunk_size=8, head_dim=8), multipliers=dict(lm_head_multiplier=0.5, embedding_multiplier=2.0, mlp_multipliers=[0.5, 1.5], key_multiplier=0.7,
       attention_out_multiplier=0.8, attention_in_multiplier=1.2, ssm_multipliers=[0.5, 0.6, 0.7, 0.8, 0.9], ssm_in_multiplier=1.1, ssm_out_multiplier=0.9), rms=dict(mamba_rms_norm=True, mamba_norm_before_gate=False), before_gate=dict(mamba_rms_norm=True), narrow=dict(mamba_d_ssm=64, mamba_n_heads=8), tied=dict(tie_word_embeddings=True))
family("granitemoehybrid", "dec", dict(HYBRID, layer_types=["mamba", "attention", "mamba", "mamba"], num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=40, mamba_n_heads=12, mamba_d_head=8, mamba_n_groups=1, mamba_d_state=16, mamba_chunk_size=8, **GRANITES),
       dense=dict(num_local_experts=0), rope=dict(position_embedding_type="rope"), groups=dict(mamba_n_groups=2))
family("zamba2", "dec", dict(without(HYBRID, "intermediate_size"), intermediate_size=80, num_key_value_heads=6, attention_hidden_size=96, attention_head_dim=16, mamba_d_state=16, mamba_ngroups=2, n_mamba_heads=12, mamba_headdim=8, chunk_size=8, layers_block_type=["mamba", "hybrid", "mamba", "mamba"], num_mem_blocks=1, adapter_rank=8))
family("zamba", "dec", dict(HYBRID, num_key_value_heads=6, attention_hidden_size=96, attention_head_dim=16, mamba_d_state=8, mamba_dt_rank=4, n_mamba_heads=2, attn_layer_period=2, attn_layer_offset=1))
family("jamba", "dec", dict(HYBRID, num_experts=4, num_experts_per_tok=2, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1, mamba_d_state=8, mamba_dt_rank=4, use_mamba_kernels=False),
       dense=dict(num_experts=1), bias=dict(mamba_proj_bias=True), no_conv_bias=dict(mamba_conv_bias=False), tied=dict(tie_word_embeddings=True), late=dict(attn_layer_period=4, attn_layer_offset=2))
family("nemotron_h", "dec", dict(HYBRID, layers_block_type=["linear_attention", "mlp", "full_attention", "linear_attention"], mamba_num_heads=12, mamba_head_dim=8, n_groups=2, ssm_state_size=16, chunk_size=8, head_dim=8))

# ---- decoders that embed ----

for name, config in (("llama", base()), ("mistral", base(sliding_window=8)), ("qwen2", base()), ("qwen3", base(head_dim=8)), ("gpt2", GPT2), ("bloom", dict(vocab_size=211, hidden_size=48, n_layer=3, n_head=6)),
                     ("gpt_neox", NEOX), ("falcon", FALCON), ("opt", OPT), ("mamba", MAMBA), ("mamba2", M2), ("gemma2", base(head_dim=16, sliding_window=8, query_pre_attn_scalar=12)), ("phi3", base()),
                     ("mixtral", base(num_local_experts=5))):
    family(name + "-body", "enc", config, type=name)

# ---- relatives ----

family("persimmon", "dec cls", without(BASE, "num_key_value_heads"), unnormed=dict(qk_layernorm=False), rotary=rope("default", partial_rotary_factor=0.25))
family("helium", "dec cls", base(head_dim=8), bias=dict(attention_bias=True, mlp_bias=True), tied=dict(tie_word_embeddings=True))
family("arcee", "dec cls", base(), bias=dict(attention_bias=True, mlp_bias=True), yarn=YARN, tied=dict(tie_word_embeddings=True))
family("apertus", "dec", base(), bias=BIASED, tied=dict(tie_word_embeddings=True), llama3=LLAMA3)
family("hunyuan_v1_dense", "dec cls", base(head_dim=8), bias=BIASED, tied=dict(tie_word_embeddings=True), dynamic=rope("dynamic", alpha=1000.0, factor=1.0))
family("hunyuan_v1_moe", "dec", base(head_dim=8, num_experts=4, moe_topk=2), bias=BIASED, dynamic=rope("dynamic", alpha=1000.0, factor=1.0))
family("dots1", "dec", dict(GLMMOE, head_dim=8), bias=BIASED, groups=dict(n_group=4, topk_group=2), unnormed=dict(norm_topk_prob=False), window=dict(sliding_window=8, layer_types=["sliding_attention", "full_attention", "sliding_attention"]))
family("lfm2", "dec", base(num_hidden_layers=4, layer_types=["conv", "full_attention", "conv", "conv"], block_auto_adjust_ff_dim=False), bias=dict(conv_bias=True), taps=dict(conv_L_cache=4), adjusted=dict(block_auto_adjust_ff_dim=True, block_multiple_of=8, block_ffn_dim_multiplier=1.3),
       untied=dict(tie_word_embeddings=False), attention=dict(layer_types=["full_attention"] * 4), f16=F16)
family("doge", "dec", base())
family("bitnet", "dec", base(), untied=dict(tie_word_embeddings=False))
family("minicpm3", "dec", base(num_key_value_heads=6, kv_lora_rank=20, q_lora_rank=24, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=20, dim_model_base=16, scale_depth=1.4, scale_emb=3))
family("internlm3", "dec", base(head_dim=8), bias=dict(qkv_bias=True, bias=True))
family("diffllama", "dec", base())
family("biogpt", "dec", without(BASE, "num_key_value_heads"), unscaled=dict(scale_embedding=False))
family("xglm", "dec", dict(vocab_size=211, d_model=48, ffn_dim=80, num_layers=3, attention_heads=6, max_position_embeddings=128, pad_token_id=1, bos_token_id=0, eos_token_id=2), unscaled=dict(scale_embedding=False), relu=dict(activation_function="relu"))
family("openai-gpt", "dec", dict(vocab_size=211, n_embd=48, n_layer=3, n_head=6, n_positions=128))
family("ctrl", "dec", dict(vocab_size=211, n_embd=48, n_layer=3, n_head=6, n_positions=128, dff=80))
family("bert", "dec", dict(ENC, is_decoder=True))
family("roberta", "dec", dict(PADDED, is_decoder=True, type_vocab_size=1))
family("jais2", "dec", base())
family("nanochat", "dec", base())
family("solar_open", "dec", dict(GLMMOE))
YOUTU = without(DS, "n_routed_experts", "n_shared_experts", "num_experts_per_tok", "moe_intermediate_size", "first_k_dense_replace", "routed_scaling_factor", "n_group", "topk_group", "pad_token_id")
family("youtu", "dec", YOUTU)  # transformers draws the padding token's row anew as it loads
family("cwm", "dec", base(num_hidden_layers=5, sliding_window=8, head_dim=8))
family("minimax_m2", "dec", base(head_dim=16, num_local_experts=6, num_experts_per_tok=2, intermediate_size=40))
family("afmoe", "dec", base(head_dim=8, num_hidden_layers=4, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24, num_dense_layers=1, num_shared_experts=1, sliding_window=8, global_attn_every_n_layers=2), mup=dict(mup_enabled=True, route_scale=1.7), two=dict(num_shared_experts=2, num_dense_layers=2))
family("exaone_moe", "dec", base(head_dim=8, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24, num_hidden_layers=4, sliding_window=8, n_group=1, topk_group=1, first_k_dense_replace=1))
family("dbrx", "dec", dict(vocab_size=211, d_model=48, n_heads=6, n_layers=2, max_seq_len=128, attn_config={"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0}, ffn_config={"ffn_hidden_size": 40, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 48}))
family("jetmoe", "dec", base(kv_channels=8, num_local_experts=4, num_experts_per_tok=2))
family("iquestcoder", "dec", base())
family("granite_swa", "dec", base(**GRANITES), window=dict(sliding_window=8), thetas=dict(sliding_window=8, layer_rope_theta=[777.0, 0, 10000.0]), untied=dict(tie_word_embeddings=False))
family("modernbert-decoder", "dec cls", dict(MODERN, num_hidden_layers=4), every2=dict(global_attn_every_n_layers=2), bias=dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True), untied=dict(tie_word_embeddings=False, decoder_bias=False))
