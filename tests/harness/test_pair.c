/* The rules of scoring that need no model: trailing white space, rolling windows, and how a pair of
 * texts becomes ids under each rule set, against the peers' own code (fixtures/pairs). */
#include "weight_files.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "harness/model/pair.h"

static size_t stripped(const char *text) {
    return pair_rstrip(text, strlen(text));
}

static void white_space_at_the_end_is_what_python_calls_so(void **state) {
    (void)state;
    assert_int_equal(stripped("a b \t\n\v\f\r"), 3);
    assert_int_equal(stripped("a\x1c\x1d\x1e\x1f"), 1);
    assert_int_equal(stripped("a\xc2\x85\xc2\xa0"), 1); /* next line, no-break space */
    assert_int_equal(
        stripped("a\xe1\x9a\x80\xe2\x80\x8a\xe3\x80\x80"), 1); /* ogham, hair, ideographic */
    assert_int_equal(stripped("a\xe2\x80\x8b"), 4);            /* zero width space is none */
    assert_int_equal(stripped("a\xc2"), 2);                    /* not UTF-8 */
    assert_int_equal(stripped("a\xa0"), 2);
    assert_int_equal(stripped(" \n"), 0);
    assert_int_equal(stripped(""), 0);
}

/* lm-evaluation-harness's example: 10 tokens after a prefix, 4 at a time. */
static void windows_are_disjoint_and_the_last_is_filled_to_the_left(void **state) {
    (void)state;
    static const struct pair_window want[] = { { 0, 4, 0 }, { 4, 8, 0 }, { 6, 10, 2 } };
    struct pair_window w;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(pair_window(11, 4, i, &w));
        assert_memory_equal(&w, &want[i], sizeof w);
    }
    assert_false(pair_window(11, 4, 3, &w));
    assert_false(pair_window(1, 4, 0, &w));
    assert_false(pair_window(0, 4, 0, &w));
}

static void every_token_is_scored_in_one_window(void **state) {
    (void)state;
    for (uint32_t n = 0; n < 40; n++)
        for (uint32_t max = 1; max < 12; max++) {
            struct pair_window w;
            uint32_t next = 1; /* token to be predicted next */
            for (uint32_t i = 0; pair_window(n, max, i, &w); i++) {
                assert_int_equal(w.from + w.first_read + 1, next);
                assert_true(w.to - w.from <= max && w.to < n);
                next = w.to + 1;
            }
            assert_int_equal(next, n > 0 ? n : 1);
        }
}

/* ---- pairs ---- */

static const char *text_of(const json_t *row, const char *key) {
    return json_string_value(json_object_get(row, key));
}

static enum add_bos rule_of(const char *name) {
    return strcmp(name, "auto") == 0  ? ADD_BOS_AUTO
           : strcmp(name, "yes") == 0 ? ADD_BOS_YES
                                      : ADD_BOS_NO;
}

static void same_ids(
    const json_t *row, const char *key, const int32_t *ids, size_t n, const json_t *want) {
    bool same = n == json_array_size(want);
    for (size_t i = 0; same && i < n; i++)
        same = ids[i] == json_integer_value(json_array_get(want, i));
    if (!same)
        fail_msg("%s, %s, add_bos %s: '%s' and '%s': %s differ", text_of(row, "tokenizer"),
            text_of(row, "profile"), text_of(row, "add_bos"), text_of(row, "context"),
            text_of(row, "continuation"), key);
}

/* Where the peer has no ids for one side it fails; so do we. But an empty context is the prefix
 * token here under every rule set. */
static void split_check(const json_t *row, const struct pair_rule *rule) {
    const json_t *left = json_object_get(row, "context_ids"),
                 *right = json_object_get(row, "continuation_ids");
    const char *context = text_of(row, "context"), *continuation = text_of(row, "continuation");
    struct err err = ERR_INIT;
    struct pair_context c;
    struct token_list ids = { 0 };
    uint32_t n_context = 0;
    assert_true(pair_context_init(&c, rule, context, strlen(context), &err));
    bool ok = pair_split(rule, &c, continuation, strlen(continuation), &ids, &n_context, &err);
    if (*context && (!json_array_size(left) || !json_array_size(right))) {
        assert_false(ok);
        assert_int_equal(err.class, ERR_INPUT);
    } else if (!json_array_size(left)) {
        assert_true(ok && n_context == 1 && ids.ids[0] == rule->prefix_token);
    } else {
        assert_true(ok);
        same_ids(row, "context_ids", ids.ids, n_context, left);
        same_ids(row, "continuation_ids", ids.ids + n_context, ids.n - n_context, right);
    }
    token_list_release(&ids);
    pair_context_release(&c);
}

static void rule_check(
    const json_t *row, const struct tokenizer *t, enum add_bos add_bos, bool expects_bos) {
    struct err err = ERR_INIT;
    struct pair_rule rule;
    int32_t bos = strcmp(text_of(row, "tokenizer"), "metaspace") == 0;
    const struct score_options o = { .profile = text_of(row, "profile"), .add_bos = add_bos };
    assert_true(pair_rule_init(&rule, t, bos, expects_bos, &o, &err));
    split_check(row, &rule);
    pair_rule_release(&rule);
}

/* A model that expects BOS is as one whose user asked for it: so lm-eval had it for Gemma. */
static void pair_check(const json_t *row) {
    struct err err = ERR_INIT;
    struct strbuf path = { 0 };
    strbuf_addf(&path, ASSAY_TESTS_DIR "/fixtures/tokenizers/%s.json", text_of(row, "tokenizer"));
    struct tokenizer *t = tokenizer_open(strbuf_str(&path), &err);
    assert_non_null(t);
    enum add_bos add_bos = rule_of(text_of(row, "add_bos"));
    rule_check(row, t, add_bos, false);
    if (add_bos == ADD_BOS_YES && !strcmp(text_of(row, "profile"), "lm-eval/pre-3347"))
        rule_check(row, t, ADD_BOS_AUTO, true);
    tokenizer_close(t);
    strbuf_release(&path);
}

static void pairs_are_split_as_the_peers_split_them(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    size_t n = 0;
    assert_true(
        file_read(ASSAY_TESTS_DIR "/fixtures/pairs/pairs.jsonl", (size_t)1 << 20, &text, &err));
    for (const char *at = text.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *row = json_parse(at, (size_t)(end - at), "pairs.jsonl", &err);
        assert_non_null(row);
        pair_check(row);
        json_decref(row);
    }
    assert_int_equal(n, 432);
    strbuf_release(&text);
}

static void a_profile_without_rules_of_scoring_is_refused(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct pair_rule rule;
    assert_false(pair_rule_init(
        &rule, NULL, 0, false, &(struct score_options) { .profile = "mteb/2" }, &err));
    assert_error(&err, ERR_UNSUPPORTED, "mteb/2", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_at_the_end_is_what_python_calls_so),
        cmocka_unit_test(windows_are_disjoint_and_the_last_is_filled_to_the_left),
        cmocka_unit_test(every_token_is_scored_in_one_window),
        cmocka_unit_test(pairs_are_split_as_the_peers_split_them),
        cmocka_unit_test(a_profile_without_rules_of_scoring_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
