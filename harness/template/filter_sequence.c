/* Filters that go through a sequence once. */
#include "harness/template/filter.h"

#include <string.h>

FILTER(filter_length) {
    (void)call;
    return value_length(r, self);
}

FILTER(filter_list) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_LIST, items ? items->n : 0);
    for (size_t i = 0; items && i < items->n; i++)
        sequence_add(r, out, items->items[i]);
    return value_sequence(out);
}

FILTER(filter_first) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    return items && items->n ? items->items[0] : value_undefined("the first item of nothing");
}

FILTER(filter_last) {
    (void)call;
    const struct sequence *items =
        is_sequence(self, SEQUENCE_GENERATOR) ? NULL : value_items(r, self);
    if (!items)
        return run_fail(r, ERR_INPUT, "last: a '%s' cannot be reversed", value_kind(self));
    return items->n ? items->items[items->n - 1] : value_undefined("the last item of nothing");
}

FILTER(filter_reverse) {
    (void)call;
    const struct sequence *items = value_items(r, self);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, items ? items->n : 0);
    for (size_t i = items ? items->n : 0; i > 0; i--)
        sequence_add(r, out, items->items[i - 1]);
    if (self.type != VALUE_STRING || r->failed)
        return value_sequence(out);
    struct strbuf text = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; i < out->n; i++)
        strbuf_add(&text, out->items[i].text, out->items[i].n);
    return value_take(r, &text);
}

FILTER(filter_join) {
    const struct value separator = is_given(ARG(0)) ? filter_text(r, ARG(0)) : value_text("", 0);
    const struct sequence *items = value_items(r, self);
    struct strbuf out = { .max = RUN_TEXT_MAX };
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        struct value item = items->items[i];
        if (i)
            strbuf_add(&out, separator.text, separator.n);
        if (is_given(ARG(1)) && ARG(1).type != VALUE_NONE)
            item = value_path(r, item, ARG(1), value_missing());
        value_print(r, &out, item);
    }
    return value_take(r, &out);
}

struct value filter_pairs(struct run *r, const struct dict *d, enum sequence_kind kind) {
    struct sequence *out = sequence_new(r, kind, d->n);
    for (size_t i = 0; i < d->n && !r->failed; i++)
        sequence_add(r, out, value_pair(r, d->entries[i].key, d->entries[i].value));
    return value_sequence(out);
}

FILTER(filter_items) {
    (void)call;
    if (is_undefined(self))
        return value_sequence(sequence_new(r, SEQUENCE_GENERATOR, 0));
    if (self.type != VALUE_DICT)
        return run_fail(r, ERR_INPUT, "items: a '%s' is no dictionary", value_kind(self));
    return filter_pairs(r, self.dict, SEQUENCE_GENERATOR);
}

FILTER(filter_sum) {
    const struct sequence *items = value_items(r, self);
    struct value total = is_given(ARG(1)) ? ARG(1) : value_int(0);
    for (size_t i = 0; items && i < items->n && run_spend(r, 1); i++) {
        const struct value item = is_given(ARG(0)) && ARG(0).type != VALUE_NONE
                                      ? value_path(r, items->items[i], ARG(0), value_missing())
                                      : items->items[i];
        total = value_arithmetic(r, '+', total, item);
    }
    return total;
}

FILTER(filter_batch) {
    const struct sequence *items = value_items(r, self);
    const int64_t size = filter_whole(r, ARG(0), 1);
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0), *batch = NULL;
    if (size < 1)
        return run_fail(r, ERR_INPUT, "batch: a size of at least 1 is needed");
    for (size_t i = 0; items && i < items->n && !r->failed; i++) {
        if (i % (size_t)size == 0) {
            batch = sequence_new(r, SEQUENCE_LIST, 0);
            sequence_add(r, out, value_sequence(batch));
        }
        sequence_add(r, batch, items->items[i]);
    }
    while (batch && is_given(ARG(1)) && ARG(1).type != VALUE_NONE && batch->n < (size_t)size &&
           run_spend(r, 1))
        sequence_add(r, batch, ARG(1));
    return value_sequence(out);
}

/* Columns of as equal length as can be. */
FILTER(filter_slice) {
    const struct sequence *items = value_items(r, self);
    const int64_t columns = filter_whole(r, ARG(0), 1);
    if (columns < 1 || columns > RUN_RANGE_MAX)
        return run_fail(r, ERR_INPUT, "slice: a number of columns is needed");
    struct sequence *out = sequence_new(r, SEQUENCE_GENERATOR, 0);
    const size_t n = items ? items->n : 0, each = n / (size_t)columns, more = n % (size_t)columns;
    for (size_t c = 0, at = 0; c < (size_t)columns && !r->failed; c++) {
        struct sequence *column = sequence_new(r, SEQUENCE_LIST, 0);
        for (size_t i = 0; i < each + (c < more); i++)
            sequence_add(r, column, items->items[at++]);
        if (is_given(ARG(1)) && ARG(1).type != VALUE_NONE && c >= more)
            sequence_add(r, column, ARG(1));
        sequence_add(r, out, value_sequence(column));
    }
    return value_sequence(out);
}
