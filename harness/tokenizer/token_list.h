/* Appending to a token list (its struct is public, in harness.h). */
#ifndef ASSAY_HARNESS_TOKENIZER_TOKEN_LIST_H
#define ASSAY_HARNESS_TOKENIZER_TOKEN_LIST_H

#include "harness/harness.h"

void token_list_add(struct token_list *list, int32_t id, struct token_span span);

#endif
