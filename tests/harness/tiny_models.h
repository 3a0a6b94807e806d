/* Tiny random models that the tests make themselves, written as folders, and a naive forward pass
 * over them in double precision: one sequence at a time, straight from the definition, no cache, no
 * packing. */
#ifndef ASSAY_TESTS_TINY_MODELS_H
#define ASSAY_TESTS_TINY_MODELS_H

#include "harness/harness.h"

enum tiny_kind { TINY_LLAMA, TINY_BERT };

struct tiny_tensor {
    char name[96];
    uint32_t rows, cols; /* cols 0: a vector */
    float *data;
};

struct tiny {
    enum tiny_kind kind;
    uint32_t layers, width, heads, kv_heads, head_dim, ffn, vocab, max_length;
    /* Llama only */
    uint32_t window;                 /* 0: none */
    double attention_cap, logit_cap; /* 0: none */
    struct tiny_tensor tensors[128];
    size_t n_tensors;
};

/* The shape that most tests use, without weights. */
struct tiny tiny_shape(enum tiny_kind kind);
/* Weights for the shape that is set: noise of the seed. */
void tiny_fill(struct tiny *t, uint32_t seed);
/* Both. */
void tiny_init(struct tiny *t, enum tiny_kind kind, uint32_t seed);
void tiny_release(struct tiny *t);
float *tiny_weight(const struct tiny *t, const char *name);

/* Writes config.json and model.safetensors into an existing folder. */
void tiny_write(const struct tiny *t, const char *folder);
/* For model_options.arch_file: no built-in description knows soft caps. NULL where the model has
 * none. */
const char *tiny_arch(const struct tiny *t);
/* A tokenizer for a vocabulary of 37: the byte-level space, letters, digits, and no merges. */
void tiny_write_letters(const char *folder);

/* log p(next) after each of the n ids: out[n * vocab]. Llama only. */
void tiny_logprobs(const struct tiny *t, const int32_t *ids, size_t n, double *out);
/* Hidden states of the n ids: out[n * width]. */
void tiny_hidden(const struct tiny *t, const int32_t *ids, size_t n, double *out);

/* A reproducible stream of numbers. */
uint32_t tiny_random(uint64_t *state);

#endif
