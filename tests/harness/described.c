/* See described.h. */
#include "described.h"

#include <math.h>
#include <string.h>

#include "harness/model/net.h"
#include "tiny_models.h"
#include "weight_files.h"

/* ---- the models ---- */

#define COMMON                                                                                     \
    "\"vocab_size\":37,\"hidden_size\":24,\"intermediate_size\":20,\"num_hidden_layers\":2,"       \
    "\"num_attention_heads\":3,\"max_position_embeddings\":320,\"pad_token_id\":0,"                \
    "\"bos_token_id\":1,\"eos_token_id\":2"

const struct described described_models[] = {
    /* slopes, six heads of two kinds, a norm behind the embedding, heads of q, k, v in turn */
    { "slopes", "{\"model_type\":\"bloom\",\"vocab_size\":37,\"hidden_size\":24,\"n_head\":6,"
                "\"n_layer\":2,\"seq_length\":320,\"bos_token_id\":1,\"eos_token_id\":2}" },
    { "slopes-bf16",
        "{\"model_type\":\"falcon\",\"alibi\":true,\"bias\":true,\"multi_query\":false,"
        "\"parallel_attn\":false," COMMON "}" },
    /* slopes in another order, and q, k, v cut */
    { "clipped", "{\"model_type\":\"mpt\",\"vocab_size\":37,\"d_model\":24,\"n_heads\":6,"
                 "\"n_layers\":2,\"max_seq_len\":320,\"eos_token_id\":2,\"bos_token_id\":1,"
                 "\"attn_config\":{\"clip_qkv\":0.5}}" },
    /* sinks, windows in turn, yarn, experts behind gates that are cut, in columns of one tensor */
    { "sinks", "{\"model_type\":\"gpt_oss\",\"num_key_value_heads\":1,\"head_dim\":8,"
               "\"num_local_experts\":5,\"num_experts_per_tok\":2,\"sliding_window\":70,"
               "\"swiglu_limit\":0.5,\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,"
               "\"original_max_position_embeddings\":80,\"truncate\":false}," COMMON "}" },
    /* latent attention, experts in groups by sigmoid with a bias, a shared one, a dense layer */
    { "latent", "{\"model_type\":\"deepseek_v3\",\"q_lora_rank\":10,\"kv_lora_rank\":12,"
                "\"qk_nope_head_dim\":6,\"qk_rope_head_dim\":4,\"v_head_dim\":7,"
                "\"first_k_dense_replace\":1,\"moe_intermediate_size\":9,\"n_routed_experts\":8,"
                "\"n_shared_experts\":1,\"num_experts_per_tok\":3,\"n_group\":4,\"topk_group\":2,"
                "\"norm_topk_prob\":true,\"routed_scaling_factor\":2.5," COMMON "}" },
    /* a shared expert under a gate of its own, dense layers between */
    { "experts", "{\"model_type\":\"qwen2_moe\",\"num_key_value_heads\":1,\"num_experts\":5,"
                 "\"num_experts_per_tok\":2,\"moe_intermediate_size\":9,"
                 "\"shared_expert_intermediate_size\":11,\"mlp_only_layers\":[0]," COMMON "}" },
    { "experts-in-one", "{\"model_type\":\"granitemoe\",\"num_key_value_heads\":1,"
                        "\"num_local_experts\":4,\"num_experts_per_tok\":2,"
                        "\"residual_multiplier\":0.5,\"attention_multiplier\":0.2,"
                        "\"embedding_multiplier\":3.0,\"logits_scaling\":2.0,"
                        "\"tie_word_embeddings\":true," COMMON "}" },
    /* two lists of factors: a text that is longer rotates otherwise from its first token on */
    { "long", "{\"model_type\":\"phi3\",\"num_key_value_heads\":1,"
              "\"original_max_position_embeddings\":40,\"rope_scaling\":{\"type\":\"longrope\","
              "\"short_factor\":[1.0,1.1,1.3,1.6],\"long_factor\":[1.2,2.5,4.0,9.0]}," COMMON "}" },
    { "dynamic", "{\"model_type\":\"llama\",\"num_key_value_heads\":1,\"rope_scaling\":"
                 "{\"type\":\"dynamic\",\"factor\":2.0}," COMMON "}" },
    /* norms before and behind each part, soft caps, gains of 1 + w */
    { "sandwich", "{\"model_type\":\"gemma2\",\"num_key_value_heads\":1,\"head_dim\":8,"
                  "\"sliding_window\":40,\"attn_logit_softcapping\":2.0,"
                  "\"final_logit_softcapping\":9.0,\"query_pre_attn_scalar\":8," COMMON "}" },
    /* two thetas, norms of heads */
    { "two-thetas", "{\"model_type\":\"gemma3_text\",\"num_key_value_heads\":1,\"head_dim\":8,"
                    "\"sliding_window\":40,\"sliding_window_pattern\":2,\"rope_theta\":1e6,"
                    "\"query_pre_attn_scalar\":8," COMMON "}" },
    /* norms only behind each part, q and k normed over all heads */
    { "norms-behind", "{\"model_type\":\"olmo2\",\"num_key_value_heads\":1," COMMON "}" },
    { "bare-norms",
        "{\"model_type\":\"olmo\",\"clip_qkv\":0.7,\"num_key_value_heads\":1," COMMON "}" },
    /* both parts read one row, under one norm ... */
    { "parallel", "{\"model_type\":\"cohere2\",\"num_key_value_heads\":1,\"head_dim\":8,"
                  "\"sliding_window\":33,\"sliding_window_pattern\":2," COMMON "}" },
    /* ... or two; a part of each head rotated */
    { "parallel-two-norms", "{\"model_type\":\"gpt_neox\",\"rotary_pct\":0.5," COMMON "}" },
    { "heads-with-gains", "{\"model_type\":\"cohere\",\"use_qk_norm\":true,"
                          "\"num_key_value_heads\":1," COMMON "}" },
    { "grouped-heads", "{\"model_type\":\"falcon\",\"new_decoder_architecture\":true,"
                       "\"num_kv_heads\":3,\"bias\":false," COMMON "}" },
    { "transposed", "{\"model_type\":\"gpt2\",\"vocab_size\":37,\"n_embd\":24,\"n_head\":3,"
                    "\"n_layer\":2,\"n_positions\":320,\"eos_token_id\":2,\"bos_token_id\":1,"
                    "\"scale_attn_by_inverse_layer_idx\":true}" },
    { "interleaved", "{\"model_type\":\"codegen\",\"vocab_size\":37,\"n_embd\":32,\"n_head\":4,"
                     "\"n_layer\":2,\"n_positions\":320,\"rotary_dim\":4,\"eos_token_id\":2}" },
    { "narrow", "{\"model_type\":\"opt\",\"word_embed_proj_dim\":10,\"do_layer_norm_before\":false,"
                "\"ffn_dim\":20," COMMON "}" },
    { "squared", "{\"model_type\":\"nemotron\",\"head_dim\":8,\"num_key_value_heads\":1,"
                 "\"partial_rotary_factor\":0.5," COMMON "}" },
    /* a recurrence in place of attention */
    { "recurrence", "{\"model_type\":\"mamba\",\"vocab_size\":37,\"hidden_size\":24,"
                    "\"intermediate_size\":33,\"num_hidden_layers\":2,\"state_size\":3,"
                    "\"time_step_rank\":3,\"conv_kernel\":4,\"max_position_embeddings\":320,"
                    "\"bos_token_id\":1,\"eos_token_id\":2}" },
    /* one step a head, in groups that share what they read */
    { "recurrence-of-heads", "{\"model_type\":\"mamba2\",\"vocab_size\":37,\"hidden_size\":24,"
                             "\"num_hidden_layers\":2,\"state_size\":5,\"num_heads\":6,"
                             "\"head_dim\":8,\"n_groups\":2,\"conv_kernel\":3,\"use_bias\":true,"
                             "\"time_step_limit\":[0.01,0.9],\"max_position_embeddings\":320,"
                             "\"bos_token_id\":1,\"eos_token_id\":2}" },
    /* layers that attend between such as don't, each with experts ... */
    { "hybrid", "{\"model_type\":\"granitemoehybrid\",\"layer_types\":[\"mamba\",\"attention\"],"
                "\"num_key_value_heads\":1,\"num_local_experts\":4,\"num_experts_per_tok\":2,"
                "\"shared_intermediate_size\":12,\"mamba_n_heads\":6,\"mamba_d_state\":5,"
                "\"mamba_n_groups\":1,\"mamba_d_conv\":4,\"attention_multiplier\":0.3,"
                "\"residual_multiplier\":0.7," COMMON "}" },
    /* ... or with steps that are normed, ... */
    { "normed-steps", "{\"model_type\":\"jamba\",\"num_key_value_heads\":1,\"mamba_dt_rank\":3,"
                      "\"mamba_d_state\":5,\"attn_layer_period\":2,\"attn_layer_offset\":1,"
                      "\"num_experts\":1," COMMON "}" },
    /* ... or each under one norm ... */
    { "one-thing-a-layer",
        "{\"model_type\":\"nemotron_h\",\"hybrid_override_pattern\":\"-*M\",\"head_dim\":8,"
        "\"num_key_value_heads\":1,\"mamba_num_heads\":4,\"mamba_head_dim\":6,\"n_groups\":2,"
        "\"ssm_state_size\":5," COMMON "}" },
    /* ... or both side by side, under multipliers */
    { "side-by-side", "{\"model_type\":\"falcon_h1\",\"num_key_value_heads\":1,\"mamba_d_ssm\":24,"
                      "\"mamba_n_heads\":4,\"mamba_d_state\":5,\"mamba_n_groups\":2,"
                      "\"ssm_multipliers\":[0.5,0.6,0.7,0.8,0.9],\"ssm_in_multiplier\":1.1,"
                      "\"key_multiplier\":0.7,\"mlp_multipliers\":[0.5,1.5]," COMMON "}" },
    /* experts one after the other, and behind a norm */
    { "nearest-experts", "{\"model_type\":\"phimoe\",\"num_key_value_heads\":1,"
                         "\"num_local_experts\":5,\"router_jitter_noise\":0.4," COMMON "}" },
    { "experts-behind", "{\"model_type\":\"flex_olmo\",\"num_key_value_heads\":1,"
                        "\"num_experts\":4,\"num_experts_per_tok\":2," COMMON "}" },
    { "learned-curve", "{\"model_type\":\"apertus\",\"num_key_value_heads\":1," COMMON "}" },
    { "short-convolutions", "{\"model_type\":\"lfm2\",\"num_key_value_heads\":1,"
                            "\"layer_types\":[\"conv\",\"full_attention\"],"
                            "\"block_auto_adjust_ff_dim\":false," COMMON "}" },
    { "waves", "{\"model_type\":\"xglm\",\"vocab_size\":37,\"d_model\":24,\"ffn_dim\":20,"
               "\"num_layers\":2,\"attention_heads\":3,\"max_position_embeddings\":320}" },
    { "dense-before-head", "{\"model_type\":\"modernbert-decoder\",\"local_attention\":20,"
                           "\"global_attn_every_n_layers\":2," COMMON "}" },
    { "norm-before-gate",
        "{\"model_type\":\"falcon_h1\",\"mamba_n_heads\":4,\"mamba_d_head\":8,\"mamba_d_ssm\":32,"
        "\"mamba_n_groups\":2,\"mamba_d_state\":8,\"mamba_rms_norm\":true,\"head_dim\":8,"
        "\"num_key_value_heads\":1," COMMON "}" },
    { "corrections",
        "{\"model_type\":\"qwen3_5_text\",\"layer_types\":[\"linear_attention\",\"full_attention\"]"
        ","
        "\"linear_num_key_heads\":2,\"linear_num_value_heads\":4,\"linear_key_head_dim\":6,"
        "\"linear_value_head_dim\":5,\"head_dim\":8,\"num_key_value_heads\":1," COMMON "}" },
    /* encoders */
    { "convolution",
        "{\"model_type\":\"deberta-v2\",\"relative_attention\":true,\"pos_att_type\":[\"p2c\"],"
        "\"position_buckets\":8,\"position_biased_input\":false,\"type_vocab_size\":0,"
        "\"conv_kernel_size\":5,\"embedding_size\":10," COMMON "}" },
    { "inner-layers", "{\"model_type\":\"albert\",\"embedding_size\":10,\"num_hidden_groups\":1,"
                      "\"inner_group_num\":2,\"type_vocab_size\":2," COMMON "}" },
    { "rotated-values", "{\"model_type\":\"roformer\",\"rotary_value\":true," COMMON "}" },
    { "buckets-of-layers", "{\"model_type\":\"umt5\",\"vocab_size\":37,\"d_model\":24,\"d_kv\":6,"
                           "\"d_ff\":20,\"num_layers\":2,\"num_heads\":3,\"n_positions\":320,"
                           "\"relative_attention_num_buckets\":8,\"is_encoder_decoder\":false,"
                           "\"relative_attention_max_distance\":30}" },
    { "late-classes", "{\"model_type\":\"eurobert\",\"num_key_value_heads\":1,"
                      "\"classifier_pooling\":\"late\"," COMMON "}" },
    { "distances",
        "{\"model_type\":\"deberta-v2\",\"relative_attention\":true,"
        "\"pos_att_type\":[\"p2c\",\"c2p\"],\"position_buckets\":8,\"share_att_key\":true,"
        "\"norm_rel_ebd\":\"layer_norm\",\"position_biased_input\":false,"
        "\"type_vocab_size\":0," COMMON "}" },
    { "distances-apart", "{\"model_type\":\"deberta\",\"relative_attention\":true,"
                         "\"pos_att_type\":\"c2p|p2c\",\"max_relative_positions\":20,"
                         "\"position_biased_input\":true,\"type_vocab_size\":2," COMMON "}" },
    { "buckets", "{\"model_type\":\"mpnet\"," COMMON "}" },
    { "unscaled-buckets", "{\"model_type\":\"t5\",\"vocab_size\":37,\"d_model\":24,\"d_kv\":6,"
                          "\"d_ff\":20,\"num_layers\":2,\"num_heads\":3,\"n_positions\":320,"
                          "\"relative_attention_num_buckets\":8,"
                          "\"relative_attention_max_distance\":30,"
                          "\"feed_forward_proj\":\"gated-gelu\"}" },
    { "both-ways", "{\"model_type\":\"modernbert\",\"local_attention\":20,"
                   "\"global_attn_every_n_layers\":2,\"cls_token_id\":1," COMMON "}" },
    { "shared-layers", "{\"model_type\":\"albert\",\"embedding_size\":10,\"num_hidden_groups\":1,"
                       "\"type_vocab_size\":2," COMMON "}" },
    { NULL, NULL },
};

const char *described_config(const char *name) {
    for (const struct described *d = described_models; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d->config;
    fail_msg("no described model '%s'", name);
    return NULL;
}

const char encoder_decoder_config[] =
    "{\"model_type\":\"bart\",\"vocab_size\":37,\"d_model\":24,\"encoder_layers\":2,"
    "\"decoder_layers\":2,\"encoder_attention_heads\":3,\"decoder_attention_heads\":3,"
    "\"encoder_ffn_dim\":20,\"decoder_ffn_dim\":20,\"max_position_embeddings\":320,"
    "\"decoder_start_token_id\":2,\"eos_token_id\":2}";

/* ---- their tensors ---- */

struct filling {
    uint64_t random;
    struct strbuf header, data;
    struct {
        char name[128];
        uint64_t shape[3];
        uint32_t n_dims;
        bool gain;
    } tensors[512];
    size_t n;
};

/* One past the last row that a part takes of its tensor. */
static uint64_t rows_of(const struct role_names *names, uint64_t n) {
    uint64_t each = (uint64_t)names->run + names->pad;
    return names->run ? names->from + (n / each - 1) * names->every + names->run : names->from + n;
}

static bool is_gain(enum role role) {
    const char *key = role_key(role);
    size_t n = strlen(key);
    return n >= 4 && strcmp(key + n - 4, "norm") == 0;
}

/* A role's tensor, as large as the largest of the roles that share it. */
static void tensor_want(struct filling *f, const struct spec *s, enum role role, const char *name) {
    uint32_t rows, cols;
    role_shape(s, role, &rows, &cols);
    const struct role_names *names = &s->roles[role];
    if (mixing_is_padded(s, role))
        rows = mixing_filled(s, role); /* the rest of a row of the cache is not in the file */
    uint64_t r = rows_of(names, rows), c = cols;
    if (role == ROLE_O && s->value_dim < s->head_dim)
        c = c / s->head_dim * s->value_dim;
    enum part_kind kind = role_part(role);
    bool vector = kind == PART_VECTOR || (kind == PART_HOST && cols == 1);
    bool stacked = role >= ROLE_FIRST_OF_EXPERT && !strstr(names->names[0], "%e");
    uint64_t shape[3] = { s->experts.n, names->transposed ? c : r, names->transposed ? r : c };
    size_t at = 0;
    while (at < f->n && strcmp(f->tensors[at].name, name) != 0)
        at++;
    BUG_IF(at == sizeof f->tensors / sizeof *f->tensors);
    if (at == f->n) {
        f->n++;
        snprintf(f->tensors[at].name, sizeof f->tensors[at].name, "%s", name);
        f->tensors[at].n_dims = 0;
        f->tensors[at].gain = is_gain(role);
        memset(f->tensors[at].shape, 0, sizeof f->tensors[at].shape);
    }
    uint32_t first = stacked ? 0 : 1, n_dims = (vector ? 1U : 2U) + stacked;
    f->tensors[at].n_dims = n_dims;
    for (uint32_t d = 0; d < n_dims; d++)
        if (shape[first + d] > f->tensors[at].shape[d])
            f->tensors[at].shape[d] = shape[first + d];
}

static void replace(char *name, size_t size, const char *mark, uint32_t number) {
    char *at = strstr(name, mark), rest[128];
    if (!at)
        return;
    snprintf(rest, sizeof rest, "%s", at + strlen(mark));
    snprintf(at, size - (size_t)(at - name), "%u%s", number, rest);
}

static void role_want(struct filling *f, const struct spec *s, enum role role) {
    uint32_t n_layers = role < ROLE_FIRST_OF_LAYER ? 1 : s->n_layers;
    uint32_t n_experts = role < ROLE_FIRST_OF_EXPERT ? 1 : s->experts.n;
    for (uint32_t l = 0; l < n_layers; l++)
        for (uint32_t e = 0; e < n_experts; e++) {
            char name[128];
            snprintf(name, sizeof name, "%s%s", s->prefixes[0], s->roles[role].names[0]);
            replace(name, sizeof name, "%d", l / s->inner_layers / s->shared_layers);
            replace(name, sizeof name, "%i", l % s->inner_layers);
            replace(name, sizeof name, "%e", e);
            tensor_want(f, s, role, name);
        }
}

/* Roughly normal, of variance 1. */
static double normal(uint64_t *random) {
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += tiny_random(random) / 4294967296.0 - 0.5;
    return sum * sqrt(2);
}

static void tensor_write(struct filling *f, size_t i) {
    size_t n = 1, from = f->data.len;
    strbuf_addf(
        &f->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "{", f->tensors[i].name);
    for (uint32_t d = 0; d < f->tensors[i].n_dims; d++) {
        n *= f->tensors[i].shape[d];
        strbuf_addf(&f->header, "%s%llu", d ? "," : "", (unsigned long long)f->tensors[i].shape[d]);
    }
    for (size_t k = 0; k < n; k++) {
        float x =
            (float)(f->tensors[i].gain ? 1 + 0.2 * normal(&f->random) : 0.2 * normal(&f->random));
        strbuf_add(&f->data, &x, sizeof x);
    }
    strbuf_addf(&f->header, "],\"data_offsets\":[%zu,%zu]}", from, f->data.len);
}

void described_write(const char *config, uint32_t seed, const char *folder) {
    struct err err = ERR_INIT;
    struct arena arena = { 0 };
    struct spec spec;
    struct filling *f = xcalloc(1, sizeof *f);
    json_t *json = json_parse(config, strlen(config), "config", &err);
    const struct arch_source source = { .config = json, .what = "config" };
    if (!json || !arch_describe(&source, &arena, &spec, &err))
        fail_msg("%s: %s", config, err.msg);
    f->random = seed;
    spec.n_labels = spec.n_labels ? spec.n_labels : 3;
    for (const struct spec *s = &spec; s; s = s->decoder)
        for (int r = 0; r < ROLE_N; r++)
            if (s->roles[r].n > 0 && !s->roles[r].optional && !(r == ROLE_HEAD && s->tied))
                role_want(f, s, (enum role)r);
    for (size_t i = 0; i < f->n; i++)
        tensor_write(f, i);
    strbuf_addc(&f->header, '}');
    struct strbuf file = { 0 };
    uint64_t n = f->header.len;
    strbuf_add(&file, &n, sizeof n);
    strbuf_add(&file, f->header.text, f->header.len);
    strbuf_add(&file, f->data.text, f->data.len);
    free(file_put(folder, "model.safetensors", file.text, file.len));
    free(file_put(folder, "config.json", config, strlen(config)));
    strbuf_release(&file);
    strbuf_release(&f->header);
    strbuf_release(&f->data);
    free(f);
    json_decref(json);
    arena_release(&arena);
}
