/* Lists of ids, with or without spans. */
#include "harness/tokenizer/token_list.h"

#include "base/mem.h"

void token_list_release(struct token_list *list) {
    free(list->ids);
    free(list->spans);
    *list = (struct token_list) { 0 };
}

void token_list_reset(struct token_list *list) {
    list->n = 0;
}

void token_list_add(struct token_list *list, int32_t id, struct token_span span) {
    if (list->n == list->capacity || (list->want_spans && !list->spans)) {
        size_t capacity = list->n < list->capacity ? list->capacity
                          : list->capacity         ? 2 * list->capacity
                                                   : 64;
        list->ids = xrealloc(list->ids, capacity * sizeof *list->ids);
        if (list->want_spans || list->spans) {
            list->spans = xrealloc(list->spans, capacity * sizeof *list->spans);
        }
        list->capacity = capacity;
    }
    list->ids[list->n] = id;
    if (list->want_spans) {
        list->spans[list->n] = span;
    }
    list->n++;
}
