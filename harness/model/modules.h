/* sentence-transformers modules: what stands in modules.json and the files that it names.
 *
 * A chain is Transformer, Pooling, then any of Dense, LayerNorm, Normalize and Dropout; other
 * types are ERR_UNSUPPORTED. Both spellings of the pooling configuration are read: `pooling_mode_*`
 * flags and `pooling_mode`. */
#ifndef ASSAY_HARNESS_MODEL_MODULES_H
#define ASSAY_HARNESS_MODEL_MODULES_H

#include "base/mem.h"
#include "harness/backend.h"

enum { MODULES_MAX = 8, POOLINGS_MAX = 6 };

enum module_kind { MODULE_DENSE, MODULE_LAYER_NORM, MODULE_NORMALIZE };

struct module {
    enum module_kind kind;
    uint32_t n_in, n_out;
    float *weight, *bias; /* [n_out, n_in], [n_out] or NULL; of a layer norm [n_out], [n_out] */
    enum activation activation;
};

struct modules {
    bool present; /* there is more than a Transformer, which a cross-encoder's modules.json has
                     alone */
    enum pooling poolings[POOLINGS_MAX]; /* concatenated in this order */
    uint32_t n_poolings;
    bool exclude_prompt;              /* tokens of the prompt are not pooled */
    struct module chain[MODULES_MAX]; /* after pooling */
    uint32_t n_chain;
    uint32_t max_length;   /* of the Transformer module; 0: not said */
    uint32_t truncate_dim; /* 0: whole vectors */
    enum similarity similarity;
    json_t *prompts;            /* name: text, or NULL */
    const char *default_prompt; /* a name in prompts, or NULL */
    struct arena arena;
};

/* Reads the modules of a folder; one without modules.json gives present = false. `width` is the
 * encoder's. */
MUST_CHECK bool modules_open(
    struct modules *m, const char *folder, uint32_t width, struct err *err);
void modules_close(struct modules *m);

/* Runs the chain over one pooled vector of `n` numbers in place; returns the new width. `scratch`
 * holds as many numbers as `vector`: the widest of the chain. */
uint32_t modules_apply(
    const struct modules *m, bool normalize, float *vector, uint32_t n, float *scratch);
uint32_t modules_width(const struct modules *m, uint32_t pooled);  /* of the result */
uint32_t modules_widest(const struct modules *m, uint32_t pooled); /* on the way */

/* x / max(|x|, 1e-12) */
void vector_normalize(float *x, uint32_t n);

#endif
