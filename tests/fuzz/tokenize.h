/* What fuzz targets do with a tokenizer that they got: a text there and back. */
#ifndef ASSAY_TESTS_FUZZ_TOKENIZE_H
#define ASSAY_TESTS_FUZZ_TOKENIZE_H

#include "harness/tokenizer/token_list.h"
#include "harness/tokenizer/tokenizer.h"

static inline void use(const struct tokenizer *t) {
    static const char TEXT[] =
        "The  Assayer's\t12 x \xc3\xa9\xcc\x81 \xe9\x87\x91<s> \xff\xe2\x96\x81tag aaaaaaaaab\n";
    struct err err = ERR_INIT;
    struct token_list list = { .want_spans = true };
    struct strbuf text = { 0 };
    if (tokenizer_encode(t, TEXT, sizeof TEXT - 1, NULL, &list, &err) &&
        tokenizer_decode(t, list.ids, list.n, false, &text, &err) && list.n)
        (void)!tokenizer_bytes(t, list.ids[list.n - 1], &text, &err);
    token_list_release(&list);
    strbuf_release(&text);
}

static inline void use_and_close(struct tokenizer *t) {
    if (t)
        use(t);
    tokenizer_close(t);
}

#endif
