/* What the files behind the harness door share: an open model, its sentence-transformers modules,
 * its memory model. */
#ifndef ASSAY_HARNESS_MODEL_MODEL_H
#define ASSAY_HARNESS_MODEL_MODEL_H

#include "harness/model/modules.h"
#include "harness/model/ranks.h"

/* The spec of an opened file, its tensors, and what the tensors leave over. */
struct model_source {
    json_t *config;
    struct weights *weights;
    struct spec spec;
    struct net_tensors tensors;
    struct net_tensors decoder_tensors; /* where spec.decoder is */
    struct arena arena;
};

enum { LABEL_NAME = 24 };

struct model {
    struct model_info info;
    char *path;
    struct model_source source; /* its weights stay open: tables may read from them */
    struct net net;
    struct net *decoder;         /* behind an encoder; NULL: none */
    struct tokenizer *tokenizer; /* NULL: see tokenizer_err */
    struct err tokenizer_err;    /* class ERR_NONE with a NULL tokenizer: the model has none */
    struct modules modules;
    int32_t prefix_token; /* stands for an empty context: BOS, else EOS, else -1 */
    char backend_name[64];
    char *labels;       /* [labels, LABEL_NAME]: "LABEL_0", for configurations without names */
    bool is_outline;    /* without weights: it can count and plan, and not run */
    uint32_t max_slots; /* tokens whose keys and values fit into the memory that is left beside
                           scratch */
};

/* The tokenizer, or the error that says why there is none. */
const struct tokenizer *model_text(const struct model *m, struct err *err);

/* embed.c: a text's ids with special tokens, cut to what the model takes. */
MUST_CHECK bool model_text_ids(
    struct model *m, struct embed_request *r, struct token_list *list, struct err *err);

/* Tokens that a request of ids to score can have: a rotation that goes by its length is made for
 * more than the configuration's. */
uint32_t model_longest(const struct model *m);

/* length.c: tokens that one pass can have, that a text to embed or to classify is cut to, and that
 * a request to score or to generate has. */
uint32_t length_of_pass(const struct model *m);
uint32_t length_of_texts(const struct model *m);
uint32_t length_of_requests(const struct model *m);

/* Rows that a step has at full speed, of a model whose texts may be cut. */
uint32_t model_step_rows(const struct model *m);

/* ERR_INPUT where there are no ids (`for_what`: "to embed"), or more than a pass or a step can
 * have, or one is outside the vocabulary. */
MUST_CHECK bool model_pass_check(
    const struct model *m, const char *for_what, const int32_t *ids, size_t n, struct err *err);

/* ERR_INPUT where an id is outside the vocabulary. */
MUST_CHECK bool model_ids_check(
    const struct model *m, const int32_t *ids, size_t n, struct err *err);

/* Files about a model, as objects; absent is NULL without an error. For a GGUF: its metadata. */
MUST_CHECK bool model_config_read(
    const char *path, const struct weights *weights, json_t **out, struct err *err);

MUST_CHECK bool model_source_open(
    struct model_source *s, const char *path, const char *arch_file, struct err *err);
void model_source_close(struct model_source *s);

/* outline.c: the same from config.json alone. */
enum { MODEL_CONFIG_MAX = 16 << 20 };
MUST_CHECK bool outline_source_open(
    struct model_source *s, const char *path, const char *arch_file, struct err *err);
const char *outline_weight_dtype(const json_t *config);
void outline_net_open(
    struct net *net, const struct cut *cut, struct backend *backend, const struct model_options *o);

/* devices.c: the device that the options name, or so many from it on as are to have a part of the
 * model each; and the dtype that all of them run in. */
MUST_CHECK bool devices_open(const struct model_options *o, const char *weight_dtype,
    const struct packs_config *packs, struct backend *out[CUT_MAX], enum dtype *dtype,
    struct err *err);
uint32_t devices_count(const struct model_options *o);

/* memory.c: bytes for scratch, keys and values where nothing else is said; bytes that expanded
 * matrices may take. */
size_t memory_default(void);
size_t memory_for_weights(const struct model_options *o);

/* ... and of a device that has memory of its own: bytes of it, as it is now. */
size_t memory_of_device(const struct backend *b);

/* ERR_UNSUPPORTED where the model has no weights and the run is more than a plan. */
MUST_CHECK bool model_can_run(
    const struct model *m, const struct run_options *run, struct err *err);

/* "BF16": the type of most bytes. */
const char *model_weight_dtype(const struct weights *weights, uint64_t *bytes);

/* Seconds of a clock that doesn't jump; adds to stats what a run took. */
double model_clock(void);

#endif
