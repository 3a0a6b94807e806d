/* What is put around a text's tokens: [CLS] and [SEP], BOS, EOS; and how spans are trimmed. */
#ifndef ASSAY_HARNESS_TOKENIZER_PIPELINE_POST_H
#define ASSAY_HARNESS_TOKENIZER_PIPELINE_POST_H

#include "harness/tokenizer/work.h"

struct id_list {
    uint32_t *items;
    size_t n, capacity;
};

struct post {
    struct id_list before, after;
    struct trim_rule trim;
    size_t n_counted; /* what processors say they add, which truncation leaves room for */
};

MUST_CHECK bool post_load(struct post *post, const json_t *config, struct err *err);
void post_release(struct post *post);
void id_list_add(struct id_list *l, uint32_t id);

#endif
