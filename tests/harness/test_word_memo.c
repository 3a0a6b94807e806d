/* The memo of words: what it gives back is what was put there, and nothing else. */
#include "weight_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/tokenizer/model/word_memo.h"

/* The i-th word and its tokens: many more than there are slots, some of them long. */
static size_t name_of(unsigned i, char out[64]) {
    return (size_t)sprintf(
        out, "%x%.*s", i * 2654435761u, (int)(i % 24), "abcdefghijklmnopqrstuvwxyz");
}

static void tokens_of(unsigned i, size_t n, struct word *w) {
    w->n = 0;
    const size_t n_tokens = i % 7;
    for (size_t k = 0; k < n_tokens; k++)
        word_add(w, i + (unsigned)k, k * n / n_tokens, (k + 1) * n / n_tokens);
}

static void assert_same(const struct word *a, const struct word *b) {
    assert_int_equal(a->n, b->n);
    if (a->n)
        assert_memory_equal(a->tokens, b->tokens, a->n * sizeof *a->tokens);
}

static void a_word_is_itself_or_not_there(void **state) {
    (void)state;
    struct word_memo memo = { 0 };
    struct word word = { 0 }, got = { 0 };
    char text[64];
    size_t n_found = 0;
    for (unsigned i = 0; i < 200000; i++) {
        const size_t n = name_of(i, text);
        tokens_of(i, n, &word);
        assert_false(word_memo_get(&memo, text, n, &got)); /* no two are equal */
        word_memo_put(&memo, text, n, &word);
    }
    for (unsigned i = 0; i < 200000; i++) {
        const size_t n = name_of(i, text);
        tokens_of(i, n, &word);
        got.n = 0;
        if (word_memo_get(&memo, text, n, &got)) {
            assert_same(&got, &word);
            n_found++;
        }
    }
    assert_true(n_found > 5000);
    word_memo_release(&memo);
    free(word.tokens);
    free(got.tokens);
}

static void a_word_without_tokens_is_remembered_too(void **state) {
    (void)state;
    struct word_memo memo = { 0 };
    struct word none = { 0 }, got = { 0 };
    word_memo_put(&memo, "x", 1, &none);
    assert_true(word_memo_get(&memo, "x", 1, &got));
    assert_int_equal(got.n, 0);
    assert_false(word_memo_get(&memo, "y", 1, &got));
    assert_false(word_memo_get(&memo, "", 0, &got));
    word_memo_release(&memo);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_itself_or_not_there),
        cmocka_unit_test(a_word_without_tokens_is_remembered_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
