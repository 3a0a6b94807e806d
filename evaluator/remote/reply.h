/* What an endpoint answers, taken apart. All of it is a stranger's word: what has another shape
 * than it must have is an error that says which, never a number. Private to the remote room. */
#ifndef ASSAY_REMOTE_REPLY_H
#define ASSAY_REMOTE_REPLY_H

#include <stdint.h>

#include "evaluator/remote/remote.h"

enum { REPLY_LETTERS = 26 };

/* What every reply has, if it has anything. */
struct reply_about {
    const char *model; /* as the reply calls it; NULL: it doesn't say. Lives as long as it */
    bool counted;      /* it says what it counted */
    uint64_t tokens_in, tokens_out;
};
/* ERR_INPUT where another model answered than was asked. */
MUST_CHECK bool reply_about(
    const json_t *reply, const struct api *api, struct reply_about *out, struct err *err);

/* The message of an error reply, cut and fit for one line; "" where there is none. code: the word
 * that it goes by, "" for none. */
void reply_error(const char *body, size_t n, char *out, size_t size, char *code, size_t code_size);

struct reply_score {
    double loglikelihood;
    bool greedy;
    uint32_t n_tokens;
};
/* The log-likelihood of prompt[from, n), from a completion that echoes its prompt. `from` is at a
 * token's beginning, or it is ERR_UNSUPPORTED: such a number would be of other words. */
MUST_CHECK bool reply_scored(const json_t *reply, const char *prompt, size_t n, size_t from,
    struct reply_score *out, struct err *err);

struct reply_text {
    const char *text; /* lives as long as the reply */
    bool stopped;     /* not by the number of its tokens */
};
MUST_CHECK bool reply_written(
    const json_t *reply, const struct api *api, struct reply_text *out, struct err *err);

/* Of a chat: how likely each of the first n letters is as the first token, as far as the reply
 * lists it, NaN where it doesn't; false where it lists none of them. */
MUST_CHECK bool reply_letters(
    const json_t *reply, size_t n, double logprobs[REPLY_LETTERS], bool *any, struct err *err);
/* The letter that a text settles on, -1: none. */
int letter_of_text(const char *text, size_t n);

/* n vectors of one width into vectors[n, *width]; *width 0: as the first is long, and then
 * *vectors is made, the caller's. */
MUST_CHECK bool reply_vectors(const json_t *reply, const struct api *api, size_t n, uint32_t *width,
    float **vectors, struct err *err);

#endif
