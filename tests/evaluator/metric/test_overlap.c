/* N-grams of documents, looked for in a corpus: as lm-evaluation-harness finds them, and by hand.
 */
#include "evaluator/metric/overlap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/strbuf.h"

static const struct overlap_place HERE = { 3, 17 };

static void add(struct overlap *o, const char *text) {
    struct err err = ERR_INIT;
    assert_true(overlap_add(o, text, strlen(text), &err));
}

static void search(struct overlap *o, const char *text) {
    overlap_begin_text(o);
    overlap_search(o, text, strlen(text), HERE);
}

static void counts_are_lm_eval_s(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *doc =
        json_parse_file(ASSAY_TESTS_DIR "/fixtures/overlap/vectors.json", (size_t)1 << 20, &err);
    assert_non_null(doc);
    json_t *one, *texts, *text;
    size_t i, k, j, n_found = 0;
    json_array_foreach(json_object_get(doc, "cases"), i, one) {
        struct overlap *o = overlap_new((unsigned)json_get_int(one, "n", 0));
        json_array_foreach(json_object_get(one, "documents"), k, texts) {
            overlap_begin_document(o);
            json_array_foreach(texts, j, text) add(o, json_string_value(text));
        }
        json_array_foreach(json_object_get(one, "corpus"), j, text)
            search(o, json_string_value(text));
        for (k = 0; k < overlap_n_documents(o); k++) {
            const struct overlap_document *d = overlap_document(o, k);
            assert_int_equal(
                d->grams, json_integer_value(json_array_get(json_object_get(one, "grams"), k)));
            assert_int_equal(
                d->found, json_integer_value(json_array_get(json_object_get(one, "found"), k)));
            n_found += d->found;
        }
        overlap_free(o);
    }
    assert_true(i == 5 && n_found > 100);
    json_decref(doc);
}

static void a_document_says_what_was_found_and_where(void **state) {
    (void)state;
    struct overlap *o = overlap_new(3);
    size_t n;
    overlap_begin_document(o);
    add(o, "Gold is what it is.");
    overlap_begin_document(o);
    add(o, "One two");
    overlap_begin_document(o);
    add(o, "and WHAT, it -- is");
    search(o, "nothing of it");
    search(o, "so: what it is, is gold is what");
    const struct overlap_document *a = overlap_document(o, 0), *b = overlap_document(o, 1),
                                  *c = overlap_document(o, 2);
    assert_int_equal(a->grams, 3);
    assert_int_equal(a->found, 2);
    assert_int_equal(a->place.file, 3);
    assert_int_equal(a->place.row, 17);
    const char *gram = overlap_gram(o, a->first, &n);
    assert_int_equal(n, strlen("what it is"));
    assert_memory_equal(gram, "what it is", n);
    assert_int_equal(b->grams, 0); /* too short to be told */
    assert_int_equal(b->found, 0);
    assert_int_equal(c->found, 1); /* the same n-gram, of another document */
    assert_int_equal(overlap_n_grams(o), 4);
    overlap_free(o);
}

static void ngrams_do_not_reach_from_text_to_text(void **state) {
    (void)state;
    struct overlap *o = overlap_new(2);
    overlap_begin_document(o);
    add(o, "one");
    add(o, "two");
    overlap_begin_document(o);
    add(o, "three four");
    search(o, "one two three");
    search(o, "four");
    assert_int_equal(overlap_document(o, 0)->found, 0);
    assert_int_equal(overlap_document(o, 1)->found, 0);
    /* a text in parts is one text */
    overlap_begin_text(o);
    overlap_search(o, "three\n", 6, HERE);
    overlap_search(o, "four\n", 5, HERE);
    assert_int_equal(overlap_document(o, 1)->found, 1);
    overlap_free(o);
}

/* More than what is kept of the corpus, with words that no document has a word as long as. */
static void a_long_corpus_is_searched_to_its_end(void **state) {
    (void)state;
    struct overlap *o = overlap_new(13);
    struct strbuf text = { 0 };
    static const char KNOWN[] = "a b c d e f g h i j k l m n";
    overlap_begin_document(o);
    add(o, KNOWN);
    for (int i = 0; i < 60000; i++)
        strbuf_addf(&text, i % 100 ? "w%d " : "a-very-long-word-indeed-%d ", i % 900);
    overlap_begin_text(o);
    overlap_search(o, text.text, text.len, HERE);
    for (int part = 0; part < 3;
         part++) { /* seen in the midst of it, once what was kept has gone */
        overlap_search(o, text.text, text.len, HERE);
        assert_int_equal(overlap_document(o, 0)->found, 0);
    }
    overlap_search(o, "a b c d e f g h an-uncommonly-long-word i j k l m n ", 51, HERE);
    assert_int_equal(overlap_document(o, 0)->found, 0);
    overlap_search(o, KNOWN, strlen(KNOWN), HERE);
    assert_int_equal(overlap_document(o, 0)->found, 2);
    assert_true(overlap_n_words(o) > 240000);
    strbuf_release(&text);
    overlap_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_lm_eval_s),
        cmocka_unit_test(a_document_says_what_was_found_and_where),
        cmocka_unit_test(ngrams_do_not_reach_from_text_to_text),
        cmocka_unit_test(a_long_corpus_is_searched_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
