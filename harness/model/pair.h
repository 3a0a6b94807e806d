/* From texts to token ids for scoring, by the rules of lm-evaluation-harness or lighteval: the
 * split of context and continuation, BOS, left truncation, rolling windows. */
#ifndef ASSAY_HARNESS_MODEL_PAIR_H
#define ASSAY_HARNESS_MODEL_PAIR_H

#include "harness/harness.h"

/* In what the rule sets differ. */
struct pair_profile {
    const char *name;
    bool bare_by_default; /* no special tokens unless they are asked for */
    bool doubles_bos;     /* they also go before a text that begins with one */
    bool takes_back;      /* one token of the context, for a continuation that would have none */
};

/* How texts of one run are encoded. */
struct pair_rule {
    const struct tokenizer *tokenizer;
    const struct pair_profile *profile;
    enum add_bos add_bos;
    bool expects_bos;     /* the model does: it gets its BOS even where a profile gives none */
    int32_t prefix_token; /* stands for an empty context; -1: none */
    struct strbuf prefix; /* its text: a context that begins with it gets no special tokens */
};
MUST_CHECK bool pair_rule_init(struct pair_rule *rule, const struct tokenizer *tokenizer,
    int32_t prefix_token, bool expects_bos, const struct score_options *options, struct err *err);
void pair_rule_release(struct pair_rule *rule);

/* Ids of a whole text with the special tokens that the rule asks for. */
MUST_CHECK bool pair_encode(const struct pair_rule *rule, const char *text, size_t n,
    struct token_list *out, struct err *err);

/* A context made ready: its ids, and the white space at its end that belongs to the continuation.
 */
struct pair_context {
    const char *text;
    size_t n, n_kept; /* bytes before the white space */
    struct token_list ids;
};
MUST_CHECK bool pair_context_init(struct pair_context *c, const struct pair_rule *rule,
    const char *text, size_t n, struct err *err);
void pair_context_release(struct pair_context *c);

/* Appends context and continuation to `out` and returns the number of context tokens in *n_context.
 */
MUST_CHECK bool pair_split(const struct pair_rule *rule, const struct pair_context *c,
    const char *choice, size_t choice_n, struct token_list *out, uint32_t *n_context,
    struct err *err);

/* The i-th rolling window over n tokens of which the first stands before the text: tokens [from,
 * to) are fed, and those that follow rows first_read .. are scored. False past the last. */
struct pair_window {
    uint32_t from, to, first_read;
};
bool pair_window(uint32_t n, uint32_t max_length, uint32_t i, struct pair_window *out);

/* Bytes of text before its trailing white space (Python's str.rstrip). */
size_t pair_rstrip(const char *text, size_t n);

#endif
