/* What a tokenizer.json's truncation and padding make of one text's ids. They belong to the bare
 * file: transformers turns both off in a folder, where the model's length counts instead. */
#ifndef ASSAY_HARNESS_TOKENIZER_FIT_H
#define ASSAY_HARNESS_TOKENIZER_FIT_H

#include <jansson.h>

#include "harness/harness.h"

struct fit {
    bool truncates, pads;
    struct {
        bool left, second_only;
        size_t length, stride;
    } truncation;
    struct {
        bool left;
        size_t length, multiple; /* 0: the text's own length; no multiple */
        int32_t id;
    } padding;
};

MUST_CHECK bool fit_load(struct fit *fit, const json_t *doc, struct err *err);
/* Shortens the text's own tokens, which are those of `list` from `from` on, so that with
 * `n_added` tokens more there are no more than the file allows. */
MUST_CHECK bool fit_truncate(
    const struct fit *fit, size_t n_added, struct token_list *list, size_t from, struct err *err);
/* Leaves `left` of the tokens of `list` from `from` on: the first, or, where the `beginning` is
 * cut, the last. */
void fit_cut(struct token_list *list, size_t from, size_t left, bool beginning);
/* Fills up what stands in `list` from `from` on. */
void fit_pad(const struct fit *fit, struct token_list *list, size_t from);

#endif
