/* The harness: models to numbers. This is its only door.
 *
 * It opens a model (a Hugging Face folder or a .gguf file), turns text into token ids, and
 * answers in lists: vectors, log-likelihoods, generated text, class scores. It knows nothing of
 * tasks, queues or databases, and never prints. On one instruction set and dtype the numbers of
 * a request depend on nothing but the request: not on what else is in the list, on the number of
 * threads, or on whether its prefix was shared. */
#ifndef ASSAY_HARNESS_H
#define ASSAY_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* ---- tokenizers ---- */

struct tokenizer;

/* From a folder (tokenizer.json, else vocab.txt), a tokenizer.json, or a .gguf file. */
MUST_CHECK struct tokenizer *tokenizer_open(const char *path, struct err *err);
void tokenizer_close(struct tokenizer *t);

struct token_span {
    uint32_t from, to; /* Unicode code points of the input */
};

/* Ids of one text. `ids` grows; `spans` is NULL where offsets aren't wanted. Zeroed is a valid
 * empty list. */
struct token_list {
    int32_t *ids;
    struct token_span *spans;
    size_t n, capacity;
    bool want_spans;
    bool cut; /* out: a limit took tokens away; only ever set */
};
void token_list_release(struct token_list *list);
void token_list_reset(struct token_list *list);

struct encode_options {
    bool no_special; /* leave out what the post-processor adds ([CLS], BOS, ...) */
    uint32_t limit;  /* ids that a text may have, 0: any number. A longer text loses tokens on the
                        side that the tokenizer cuts; what the post-processor adds stays */
};

/* Appends the ids of `text` (any bytes: invalid UTF-8 becomes U+FFFD). Thread-safe on one
 * tokenizer. */
MUST_CHECK bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t n,
    const struct encode_options *options, struct token_list *out, struct err *err);

/* Appends the text of the ids; ids out of range are ERR_INPUT. */
MUST_CHECK bool tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n,
    bool skip_special, struct strbuf *out, struct err *err);

/* Bytes that one id stands for, as it is inside a longer text (byte-level BPE: raw bytes). */
MUST_CHECK bool tokenizer_bytes(
    const struct tokenizer *t, int32_t id, struct strbuf *out, struct err *err);

struct tokenizer_info {
    size_t vocab_size;          /* largest id + 1 */
    int32_t bos, eos, pad, unk; /* -1 if absent */
    bool adds_bos;              /* the tokenizer's own default */
    bool cuts_left;             /* a text that is too long loses its beginning, not its end */
    uint32_t
        model_max_length; /* from tokenizer_config.json; 0 if absent or the "no limit" sentinel */
};
const struct tokenizer_info *tokenizer_info(const struct tokenizer *t);

/* ---- chat templates ---- */

struct chat_template;

/* Of a folder, a .gguf file, or the template's own file; ERR_NOT_FOUND where there is none. */
MUST_CHECK struct chat_template *chat_template_open(const char *path, struct err *err);
void chat_template_close(struct chat_template *c);

/* A list of what there is: name, size, sha256, and what is wrong or unsupported. */
json_t *chat_template_describe(struct chat_template *c);

/* Appends the text that the model is to see. `request` is an object: "messages", and any other
 * variables of the template ("tools", "add_generation_prompt", ...); nulls are absent. `now` is
 * seconds since 1970 in UTC. Not for two threads at once on one template. */
MUST_CHECK bool chat_template_render(struct chat_template *c, const json_t *request, int64_t now,
    struct strbuf *out, struct err *err);

/* ---- models ---- */

struct model;

enum dtype { DTYPE_AUTO, DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_INT8 };
const char *dtype_name(enum dtype dtype);
MUST_CHECK bool dtype_parse(const char *name, enum dtype *out, struct err *err);

/* How a device holds matrices: expanded to the elements that it multiplies, or as they are in the
 * file (whose blocks a GPU has in its memory), to be expanded a part at a time whenever they are
 * used. The same bits from the same kernels. Auto: expanded as far as memory goes, in the order of
 * the layers, the rest as in the file. */
enum weights_form { WEIGHTS_AUTO, WEIGHTS_EXPANDED, WEIGHTS_FILE };
MUST_CHECK bool weights_form_parse(const char *name, enum weights_form *out, struct err *err);

/* Where packed weights are kept, so that the next open of the same model maps them and packs
 * nothing; numbers are the same bits either way. */
struct kept_packs {
    const char *dir;      /* NULL: nowhere */
    uint64_t least_bytes; /* packed, for which it is worth it; 0: 64 MiB */
    uint64_t most_bytes;  /* of the folder, what was used longest ago goes; 0: 20 GiB, or a quarter
                             of what the disk has for it, whichever is less */
    bool frozen;          /* read and never written, for who may not write */
};

enum { DEVICES_MAX = 64 }; /* that a model can be split between */

struct model_options {
    enum dtype dtype;
    const char *device;       /* "auto", "cpu", "cuda", "cuda:N"; NULL: auto */
    unsigned tensor_parallel; /* so many devices have a part of the model each, from `device` on; 0
                                 or 1: one has all of it */
    unsigned threads;         /* 0: ASSAY_THREADS, else the processors that this process may use */
    const char *arch_file; /* a Lua architecture description in place of the built-in one; NULL: by
                              config */
    const char *gemm;      /* "auto", "dnnl", "plain": for tests */
    size_t memory_bytes; /* ceiling for keys, values and activations; 0: chosen from the machine */
    size_t total_bytes;  /* ceiling for these and the weights together; 0: none */
    unsigned halvings;   /* of what that leaves for work, where so much was not to be had */
    enum weights_form weights;
    struct kept_packs packs;
    bool outline; /* configuration and tokenizer only: for runs that are plan_only */
};

MUST_CHECK struct model *model_open(
    const char *path, const struct model_options *options, struct err *err);
void model_close(struct model *m);

/* Work beside the model's on the threads that it runs on: fn for items 0 .. n - 1, in any order,
 * each thread with a number below model_threads. Not while the model runs. */
void model_share(
    struct model *m, size_t n, void (*fn)(void *arg, unsigned thread, size_t item), void *arg);
unsigned model_threads(const struct model *m);

/* How an embedding model says that two of its vectors are compared; far is dissimilar. */
enum similarity {
    SIMILARITY_COSINE,
    SIMILARITY_DOT,
    SIMILARITY_MANHATTAN,
    SIMILARITY_EUCLIDEAN,
    N_SIMILARITIES
};
const char *similarity_name(enum similarity similarity); /* "cosine", "dot", ... */
MUST_CHECK bool similarity_parse(const char *name, enum similarity *out, struct err *err);

struct model_info {
    const char *architecture; /* name of the Lua description: "bert", "llama" */
    const char *format;       /* "safetensors", "gguf" or "pytorch" */
    const char *device, *backend, *gemm, *dtype;
    const char *weight_dtype; /* of most weights in the file: "F32", "Q4_1" */
    uint64_t n_parameters, weight_bytes;
    uint64_t file_weight_bytes; /* of these, read from the file whenever they are used; else they
                                   were expanded at open */
    uint32_t n_layers, width, n_heads, n_kv_heads, n_vocab, max_length;
    bool causal;      /* a decoder: can score and generate */
    bool classifies;  /* has a classifier */
    bool has_pooling; /* sentence-transformers modules say how to pool */
    enum similarity similarity;
    uint32_t n_packed, n_found; /* matrices that were packed at open, and that were kept */
    unsigned n_devices;         /* each with a part of the model; 1 */
};
const struct model_info *model_info(const struct model *m);

/* What has gone by graphs on the model's device so far, and how several devices add up. */
struct device_info {
    uint32_t n_graphs;   /* steps that were made into graphs */
    uint64_t n_replayed; /* steps that such a graph did */
    const char *sums;    /* "NCCL 2.27.5", "copies", "memory"; NULL: it is one device */
};
struct device_info model_device_info(const struct model *m);

/* The instruction set that products run in on this machine's processor, or that ASSAY_ISA names, in
 * words: "AVX-512 bf16", "NEON". NULL with *err where it hasn't what is named. */
MUST_CHECK const char *processor_isa(struct err *err);

/* What there is of GPUs here, as one JSON object (the caller owns it): "driver" {found, cuda, why},
 * "nvml" {found, driver, why}, "devices" [{index, name, pci, compute, memory_bytes,
 * memory_used_bytes, busy_percent, processes, temperature_c, mig, ecc, ecc_errors}], "libraries"
 * [{name, found, file, why, named_by}] (named_by: the variable that does), "module" {found, fits,
 * file, why}. What isn't known is absent. With `opening`, where there is a module of this build,
 * each device says whether the module opens it (opens, backend, why). */
json_t *gpu_describe(bool opening);
/* Brings the CUDA module into this process, where there is one: for who will soon see no files but
 * some. */
void gpu_bring(void);
/* How many GPUs CUDA lists here; 0 with *err where there is none. */
unsigned gpu_count(struct err *err);

/* FLOPs a second of the forward pass on this device, from a step or two that are run for it. */
MUST_CHECK bool model_speed(struct model *m, double *flops_per_s, struct err *err);

/* What the device itself gives at this moment, whatever the model, over about so many seconds:
 * FLOPs a second of multiply-adds in the dtype that products run in, with nothing to wait for, and
 * bytes a second read from its memory. 0: not measured on such a device. */
double model_roof(struct model *m, double seconds);
double model_stream(struct model *m, double seconds);
/* Bytes that are read in a step of one token each for `n` texts, `length` tokens of which are
 * behind them: weights of products (of experts, as many as n tokens are likely to choose), keys and
 * values. */
double model_step_bytes(const struct model *m, uint32_t n, uint32_t length);

const struct tokenizer *model_tokenizer(const struct model *m);

/* What an adapter's folder, or one that holds a difference, says of the model that it was made on:
 * a name that a hub could have, and a revision, which may be empty. False where the folder is no
 * such one, or brings its base along in base_model (unless that came from a hub and has a
 * .revision). */
struct model_base {
    char name[129], revision[129];
};
bool model_base_find(const char *path, struct model_base *base);

/* Everything that `assay model show` says, as one JSON object (the caller owns it): info, memory by
 * dtype, config, tokenizer, modules, prompts, extra tensors that no part of the model uses.
 * `arch_file`: a description in place of the built-in one, or NULL. */
MUST_CHECK json_t *model_describe(const char *path, const char *arch_file, struct err *err);

/* One call a tensor, in the file's order; numbers are after dequantising to f32. */
struct tensor_report {
    const char *name, *dtype;
    const uint64_t *shape; /* rows first */
    size_t n_dims;
    size_t n_first, n_last;
    double first8[8], last8[8];
    double sum, abs_sum;
};
typedef bool tensor_report_fn(const struct tensor_report *report, void *arg, struct err *err);
MUST_CHECK bool model_tensors(const char *path, tensor_report_fn *each, void *arg, struct err *err);

/* What tells a tensor from others, without reading all of a large one: a SHA-256 over its type, its
 * shape and stretches of it from end to end (all of it, up to 4096 elements), and some values of
 * these, as f32. `constant`: what was read is one number, which says nothing of whence it comes.
 * Tensors of whole numbers are left out. */
#define TENSOR_PRINT_VALUES 64
struct tensor_print {
    const char *name;
    uint64_t n_elements, n_read; /* all of it; what of it was read */
    char hash[65];
    bool constant;
    size_t n_values; /* TENSOR_PRINT_VALUES, or 0 of a tensor that has not so many */
    float values[TENSOR_PRINT_VALUES]; /* what isn't finite is 0 */
};
typedef bool tensor_print_fn(const struct tensor_print *print, void *arg, struct err *err);
MUST_CHECK bool model_prints(const char *path, tensor_print_fn *each, void *arg, struct err *err);

/* Writes a model of the first `layers` layers of `source` to `target` (both folders, or both
 * .gguf files): a folder gets its weights by hard or symbolic link and a smaller config; a .gguf
 * gets its header rewritten. */
MUST_CHECK bool model_truncate(
    const char *source, const char *target, unsigned layers, struct err *err);

/* ---- work ---- */

/* A request that can't be used gets its error here and no numbers; the others are still
 * answered. */
struct run_stats {
    uint64_t items, tokens_asked, tokens_computed, tokens_padded, rows_filled;
    double flops, seconds;
    uint64_t memory_bytes; /* the most that a run takes for weights, activations, keys and values */
};

/* Called now and then with work done and in total (tokens); may be NULL. Returning false stops:
 * ERR_INTERRUPTED. */
typedef bool run_progress_fn(uint64_t done, uint64_t total, void *arg);

/* Called as soon as a request has its numbers, in the order in which that happens; not for one that
 * got an error. Returning false stops: ERR_INTERRUPTED. */
typedef bool run_answered_fn(size_t request, void *arg);

struct run_options {
    bool no_prefix_sharing;
    bool plan_only; /* embed, score, generate: counts the work and its memory; there are no numbers,
                       and a text is taken to be as long as it may become */
    run_progress_fn *progress;
    void *progress_arg;
    run_answered_fn *answered; /* embed, score, generate; may be NULL */
    void *answered_arg;
    struct run_stats *stats; /* added to; may be NULL */
};

/* The i-th file, from 0, of a model in several GGUF files, of which `path` names one; NULL past the
 * last, and where the model is in one. The caller frees. */
char *model_part(const char *path, uint64_t i);

enum pooling {
    POOL_AUTO,
    POOL_MEAN,
    POOL_CLS,
    POOL_LAST,
    POOL_MAX,
    POOL_MEAN_SQRT,
    POOL_WEIGHTED_MEAN
};
MUST_CHECK bool pooling_parse(const char *name, enum pooling *out, struct err *err);

struct embed_options {
    enum pooling pooling;
    bool no_normalize;
    uint32_t dim; /* cut vectors to this many numbers; 0: all */
    const char
        *prompt_name; /* a prompt of config_sentence_transformers.json; NULL: its default prompt */
    const char *prompt_text; /* put before every text, in place of a named prompt */
};

struct embed_request {
    const char *text; /* or NULL, and ids are taken as they are */
    size_t text_n;
    const int32_t *ids;
    size_t n_ids;
    bool truncated;   /* out: the text was longer than the model takes */
    uint32_t n_asked; /* out: its tokens */
    struct err err;   /* out: class ERR_NONE where it worked */
};

/* The prompts of config_sentence_transformers.json, {name: text}, and the name of the default one;
 * either may be NULL. They live as long as the model. */
struct model_prompts {
    const json_t *named;
    const char *chosen;
};
struct model_prompts model_prompts(const struct model *m);

/* Width of the vectors that these options give; 0 with *err if the model can't embed so. */
uint32_t model_embed_width(
    const struct model *m, const struct embed_options *options, struct err *err);

/* vectors: n × width, the caller's; the row of a request that failed is left alone. */
MUST_CHECK bool model_embed(struct model *m, const struct embed_options *options,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err);

/* Classes of texts, or of pairs of texts: a model with a classifier on top. */
struct classify_request {
    const char *text; /* or NULL, and ids are taken as they are */
    size_t text_n;
    const char *pair; /* the second text, or NULL */
    size_t pair_n;
    const int32_t *ids;
    size_t n_ids;
    bool truncated;   /* out: the texts were longer than the model takes */
    uint32_t n_asked; /* out: their tokens */
    struct err err;   /* out: class ERR_NONE where it worked */
};

/* How many labels the model has; 0 with *err where it has no classifier. Their names live as long
 * as the model. */
uint32_t model_labels(const struct model *m, struct err *err);
const char *model_label(const struct model *m, uint32_t i);

/* logits and scores: n × labels, the caller's; rows of requests that failed are left alone. Scores
 * follow the model's own activation: softmax over labels that exclude each other, sigmoid for one
 * label or for many at once, or what its configuration says. */
MUST_CHECK bool model_classify(struct model *m, struct classify_request *requests, size_t n,
    float *logits, float *scores, const struct run_options *run, struct err *err);

/* Log-likelihood of each choice after the context. Texts are split by lm-evaluation-harness's
 * rule (peers.md 2a.1); ids are taken as they are. Rolling: context NULL and one choice, summed
 * over lm-eval's windows. */
enum add_bos { ADD_BOS_AUTO, ADD_BOS_YES, ADD_BOS_NO };

struct score_options {
    enum add_bos add_bos;
    const char *profile; /* "lm-eval/0.4.13" (NULL means it), "lm-eval/pre-3347", "lighteval" */
};

struct score_choice {
    const char *text;
    size_t text_n;
    const int32_t *ids;
    size_t n_ids;
    /* out */
    double loglikelihood;
    bool greedy;
    uint32_t n_tokens, n_bytes;
};

struct score_request {
    const char *context; /* text, or NULL with context_ids */
    size_t context_n;
    const int32_t *context_ids;
    size_t n_context_ids;
    bool rolling; /* choices[0] holds the text or ids to be scored from their start */
    struct score_choice *choices;
    size_t n_choices;
    uint32_t n_truncated; /* out: tokens cut from the left, over all choices */
    uint64_t n_asked;     /* out: tokens fed if each choice were asked with its whole context */
    struct err err;       /* out */
};

MUST_CHECK bool model_score(struct model *m, const struct score_options *options,
    struct score_request *requests, size_t n, const struct run_options *run, struct err *err);

/* What a choice is scored over, for people to look at: appends the tokens of context and choice,
 * the first *n_context of them the context's (of a rolling text, the token before it); the first
 * *n_cut don't fit the model and are left out of the run. Texts only. A model without its weights
 * (model_options.outline) will do, here and below. */
MUST_CHECK bool model_score_tokens(struct model *m, const struct score_options *options,
    const struct score_request *request, size_t choice, struct token_list *out, uint32_t *n_context,
    uint32_t *n_cut, struct err *err);

/* The tokens that a text is embedded as, prompt and special ones included, cut to what the model
 * takes. */
MUST_CHECK bool model_embed_tokens(struct model *m, const struct embed_options *options,
    struct embed_request *request, struct token_list *out, struct err *err);

struct generate_options {
    uint32_t max_tokens; /* 0: 256 */
    double temperature;  /* 0: greedy */
    bool run_on;         /* no token ends a text before max_tokens: for measuring */
    uint64_t seed;
    enum add_bos add_bos;
};

struct generate_request {
    const char *prompt;
    size_t prompt_n;
    const int32_t *prompt_ids;
    size_t n_prompt_ids;
    const char *const *stop; /* strings */
    size_t n_stop;
    uint64_t
        draw; /* which of several answers to one prompt: each is sampled by numbers of its own */
    /* out: the caller frees text and ids */
    char *text;
    int32_t *ids;
    size_t n_ids;
    bool stopped;         /* at EOS or a stop string, not at max_tokens */
    uint32_t n_truncated; /* tokens cut from the prompt's left */
    uint64_t n_asked;     /* tokens fed if the prompt were asked alone */
    struct err err;
};

MUST_CHECK bool model_generate(struct model *m, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err);

/* ---- texts that come and go ---- */

/* A decoder that goes on with many texts at once: each step of the model has tokens of all of them.
 * Whoever comes joins at the next step, and whoever leaves makes room at once. What texts begin
 * with alike is computed once, also after the text that it was computed for has ended, for as long
 * as there is room. Whoever came first goes first, so that nobody waits for ever. What a text
 * becomes depends on what it asks and nothing else.
 *
 * While a flow is open its model is asked nothing else. Of one thread at a time. */
struct flow;
struct flow_text;

enum { FLOW_TOP_MAX = 20 };

struct flow_options {
    uint32_t slots;   /* tokens whose keys and values are held; 0: twice the longest text, or
                         16384, or as many as memory is for */
    uint32_t at_once; /* texts under way at most; 0: 64 */
};
MUST_CHECK struct flow *flow_open(
    struct model *m, const struct flow_options *options, struct err *err);
void flow_close(struct flow *f); /* with all its texts; NULL is fine */

struct flow_ask { /* copied */
    const int32_t *ids;
    size_t n_ids;
    uint32_t max_tokens; /* 0: nothing is made, for who reads the prompt alone */
    double temperature;  /* 0: the likeliest token */
    double top_p;        /* of the likeliest that have so much of the probability; 0: of all */
    uint64_t seed, draw; /* as in generate_options and generate_request */
    const char *const *stop;
    size_t n_stop;
    bool reads_prompt; /* log-probabilities of the prompt's tokens, but for the first */
    bool reads;        /* of those that are made */
    unsigned n_top;    /* likeliest tokens in each place that is read, at most FLOW_TOP_MAX */
    bool as_it_goes;   /* the text is wanted while it is made */
    bool run_on;       /* no token ends it before max_tokens */
};

/* ERR_INPUT, and NULL, where it can't be asked: more tokens than the model takes, or the flow has
 * room for. */
struct flow_text *flow_add(struct flow *f, const struct flow_ask *ask, struct err *err);

enum flow_state {
    FLOW_WAITS,
    FLOW_RUNS,
    FLOW_STOPPED, /* by its end or a stop string */
    FLOW_LENGTH,  /* it has max_tokens */
    FLOW_FAILED   /* err says why */
};

struct flow_top {
    int32_t id;
    double logprob;
};

/* What there is of a text; valid until the next call with the flow. */
struct flow_told {
    enum flow_state state;
    const int32_t *ids;          /* the prompt, then what was made; behind it the end token that
                                    stopped it, which n leaves out */
    size_t n_prompt, n, n_read;  /* n_read: with that token */
    const double *logprobs;      /* [n_read]; NAN where it was not asked for */
    const struct flow_top *tops; /* [n_read, n_top], likeliest first; NULL where none are asked */
    unsigned n_top;
    const char *text; /* of what was made, NULL before its end, unless as_it_goes */
    size_t text_n;
    size_t n_sure;     /* bytes of it that stay, whatever is made next */
    uint32_t n_shared; /* tokens of the prompt that another text had computed */
    struct err err;
};
struct flow_told flow_told(const struct flow_text *t);

/* One step of the model; what it changes is in the texts. False with *err where the flow itself
 * can't go on. */
MUST_CHECK bool flow_step(struct flow *f, struct err *err);
bool flow_idle(const struct flow *f); /* nobody waits or runs */
/* It is not asked any more, whether it has ended or not. */
void flow_drop(struct flow *f, struct flow_text *t);

struct flow_figures {
    unsigned waiting, running;
    uint64_t asked, computed; /* tokens fed, as asked and as computed */
    uint64_t made;            /* tokens chosen */
    uint64_t steps, spilled;
    uint32_t slots, slots_used; /* used: also by texts that have ended */
};
struct flow_figures flow_figures(const struct flow *f);

/* The ids that a prompt of text has: with the tokenizer's own BOS, as model_generate gives them.
 * Safe beside a step. */
MUST_CHECK bool model_prompt_ids(const struct model *m, enum add_bos add_bos, const char *text,
    size_t n, struct token_list *out, struct err *err);

#endif
