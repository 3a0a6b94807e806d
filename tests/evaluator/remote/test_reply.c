/* Replies taken apart: the number of exactly what was asked, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "evaluator/remote/reply.h"

static const struct api OPENAI = {
    .name = "a", .kind = API_OPENAI, .speaks = API_CHAT, .model = "m"
};

static json_t *parsed(const char *text) {
    struct err err = ERR_INIT;
    json_t *json = json_parse(text, strlen(text), "reply", &err);
    if (!json) {
        fail_msg("%s", err.msg);
    }
    return json;
}

/* Tokens, log-probabilities, the likeliest, offsets (NULL: none) of a text whose context has `from`
 * bytes. */
static enum err_class scored(const char *text, size_t from, const char *tokens,
    const char *logprobs, const char *tops, const char *offsets, struct reply_score *out) {
    struct strbuf reply = { 0 };
    struct err err = ERR_INIT;
    strbuf_addf(&reply,
        "{\"choices\": [{\"logprobs\": {\"tokens\": %s, \"token_logprobs\": %s, \"top_logprobs\": "
        "%s%s%s}}]}",
        tokens, logprobs, tops, offsets ? ", \"text_offset\": " : "", offsets ? offsets : "");
    json_t *json = parsed(reply.text);
    (void)!reply_scored(json, text, strlen(text), from, out, &err);
    json_decref(json);
    strbuf_release(&reply);
    return err.class;
}

#define TOPS3 "[null, {\"x\": -1}, {\"x\": -3}]"

static void a_continuation_begins_where_its_context_ends(void **state) {
    (void)state;
    struct reply_score s;
    assert_int_equal(
        scored("a b c", 1, "[\"a\", \" b\", \" c\"]", "[null, -1, -2]", TOPS3, "[0, 1, 3]", &s),
        ERR_NONE);
    assert_true(s.loglikelihood == -3 && s.n_tokens == 2 && s.greedy);
    assert_int_equal(scored("a b c", 3, "[\"a\", \" b\", \" c\", \" d\"]", "[null, -1, -2, -9]",
                         "[null, {\"x\": -1}, {\"x\": -1.5}, null]", NULL, &s),
        ERR_NONE); /* what was written behind it is not counted */
    assert_true(s.loglikelihood == -2 && s.n_tokens == 1 && !s.greedy);
    assert_int_equal(
        scored("a b", 0, "[\"<s>\", \"a\", \" b\"]", "[null, -1, -2]", TOPS3, "[0, 3, 4]", &s),
        ERR_NONE); /* a beginning that is no part of the text */
    assert_true(s.loglikelihood == -3);
    assert_int_equal(
        scored("a b", 3, "[\"a\", \" b\"]", "[null, -1]", "[null, {\"x\": -1}]", NULL, &s),
        ERR_NONE);
    assert_true(s.loglikelihood == 0 && s.n_tokens == 0 && s.greedy);
}

static void letters_in_parts_are_aligned(void **state) {
    (void)state;
    struct reply_score s;
    const char *text =
        "\xf0\x9f\x98\x80 is \xc3\xa9"; /* a face of three tokens, e with an accent of two */
    assert_int_equal(
        scored(text, 7,
            "[\"\\ufffd\", \"\\ufffd\", \"\\ufffd\", \" is\", \" \", \"bytes:\\\\xc3\", "
            "\"bytes:\\\\xa9\"]",
            "[null, -1, -1, -1, -2, -4, -8]",
            "[null, {\"x\":-9}, {\"x\":-9}, {\"x\":-9}, {\"x\":-9}, {\"x\":-9}, {\"x\":-9}]", NULL,
            &s),
        ERR_NONE);
    assert_true(s.loglikelihood == -14 && s.n_tokens == 3);
    assert_int_equal(
        scored(text, 2, "[\"\\ufffd\", \"\\ufffd\", \" is\", \" \\u00e9\"]", "[null, -1, -1, -1]",
            "[null, {\"x\":-9}, {\"x\":-9}, {\"x\":-9}]", NULL, &s),
        ERR_UNSUPPORTED); /* an end inside a letter has no token */
}

static void what_is_wrong_is_no_score(void **state) {
    (void)state;
    struct reply_score s;
    const char *t = "[\"a\", \" b\", \" c\"]", *l = "[null, -1, -2]";
    assert_int_equal(scored("a b c", 2, t, l, TOPS3, NULL, &s), ERR_UNSUPPORTED); /* across */
    assert_int_equal(scored("a b c", 0, t, l, TOPS3, NULL, &s), ERR_UNSUPPORTED); /* no number */
    assert_int_equal(scored("a b d", 1, t, l, TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c d", 1, t, l, TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, "[null, -1]", TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, "[null, -1, \"-2\"]", TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, "[null, -1, 0.5]", TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, "[null, -1, true]", TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, l, "[null, {\"x\": -1}]", NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, l, "[null, {\"x\": -1}, {}]", NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, l, "null", NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, l, TOPS3, "[0, 1]", &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, t, l, TOPS3, "[0, 2, 3]", &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, "[\"a\", 5, \" c\"]", l, TOPS3, NULL, &s), ERR_INPUT);
    assert_int_equal(scored("a b c", 1, "[]", "[]", "[]", NULL, &s), ERR_INPUT);
}

static enum err_class about(const char *text, const struct api *api, struct reply_about *out) {
    struct err err = ERR_INIT;
    json_t *json = parsed(text);
    (void)!reply_about(json, api, out, &err);
    json_decref(json);
    return err.class;
}

static void the_model_that_was_asked_answers(void **state) {
    (void)state;
    struct reply_about a;
    struct api named = OPENAI;
    named.answers_as = "other";
    assert_int_equal(
        about("{\"model\": \"m\", \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 4}}",
            &OPENAI, &a),
        ERR_NONE);
    assert_true(a.counted && a.tokens_in == 3 && a.tokens_out == 4);
    assert_int_equal(about("{\"model\": \"m-2026-01-31\"}", &OPENAI, &a), ERR_NONE);
    assert_false(a.counted);
    assert_int_equal(about("{\"model\": \"m-mini\"}", &OPENAI, &a), ERR_INPUT);
    assert_int_equal(about("{\"model\": \"other\"}", &OPENAI, &a), ERR_INPUT);
    assert_int_equal(about("{\"model\": \"other\"}", &named, &a), ERR_NONE);
    assert_int_equal(about("{\"model\": \"m\"}", &named, &a), ERR_INPUT);
    named.answers_as = "*";
    assert_int_equal(about("{\"model\": \"whatever\"}", &named, &a), ERR_NONE);
    assert_int_equal(about("{}", &OPENAI, &a), ERR_INPUT);
    assert_int_equal(about("[]", &OPENAI, &a), ERR_INPUT);
    assert_int_equal(
        about("{\"model\": \"m\", \"usage\": {\"prompt_tokens\": -1, \"completion_tokens\": 4}}",
            &OPENAI, &a),
        ERR_NONE);
    assert_false(a.counted);
}

static void a_letter_is_read_from_what_is_said(void **state) {
    (void)state;
    assert_int_equal(letter_of_text("B", 4), 1);
    assert_int_equal(letter_of_text(" (C) because", 4), 2);
    assert_int_equal(letter_of_text("**D**", 4), 3);
    assert_int_equal(letter_of_text("b.", 4), 1);
    assert_int_equal(letter_of_text("A", 4), 0);
    assert_int_equal(letter_of_text("A. the bird", 4), 0);
    assert_int_equal(letter_of_text("The answer is C.", 4), 2);
    assert_int_equal(letter_of_text("Answer A looks right, but the answer is D", 4), 3);
    assert_int_equal(letter_of_text("A bird is what it is", 4), -1);
    assert_int_equal(letter_of_text("E", 4), -1);
    assert_int_equal(letter_of_text("I don't know", 9), -1);
    assert_int_equal(letter_of_text("Because", 4), -1);
    assert_int_equal(letter_of_text("", 4), -1);
}

static void letters_have_the_numbers_of_their_tokens(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    double lp[REPLY_LETTERS];
    bool any;
    json_t *r = parsed("{\"choices\": [{\"logprobs\": {\"content\": [{\"top_logprobs\": "
                       "[{\"token\": \"B\", \"logprob\": -1}, "
                       "{\"token\": \" B\", \"logprob\": -1}, {\"token\": \"A\", \"logprob\": -2}, "
                       "{\"token\": \"F\", \"logprob\": -3}]}]}}]}");
    assert_true(reply_letters(r, 4, lp, &any, &err));
    assert_true(any && fabs(lp[1] - (-1 + log(2))) < 1e-12 && lp[0] == -2 && isnan(lp[2]));
    json_decref(r);
    r = parsed("{\"choices\": [{\"logprobs\": {\"content\": [{\"top_logprobs\": [{\"token\": "
               "\"B\", \"logprob\": 2}]}]}}]}");
    assert_false(reply_letters(r, 4, lp, &any, &err));
    json_decref(r);
    r = parsed("{\"choices\": [{\"logprobs\": null}]}");
    assert_true(reply_letters(r, 4, lp, &any, &err));
    assert_false(any);
    json_decref(r);
}

static enum err_class vectors(const char *text, enum api_kind kind, size_t n, uint32_t width) {
    struct err err = ERR_INIT;
    struct api api = OPENAI;
    api.kind = kind;
    json_t *json = parsed(text);
    float *v = width ? calloc(n * width, sizeof *v) : NULL;
    if (reply_vectors(json, &api, n, &width, &v, &err)) {
        assert_true(width == 2 && v[0] == 1 && v[3] == 4);
    }
    free(v);
    json_decref(json);
    return err.class;
}

static void vectors_are_one_for_each_text(void **state) {
    (void)state;
    assert_int_equal(vectors("[[1, 2], [3, 4]]", API_TEI, 2, 0), ERR_NONE);
    assert_int_equal(vectors("{\"data\": [{\"index\": 1, \"embedding\": [3, 4]}, {\"index\": 0, "
                             "\"embedding\": [1, 2]}]}",
                         API_OPENAI, 2, 2),
        ERR_NONE);
    assert_int_equal(vectors("{\"data\": [{\"index\": 0, \"embedding\": [3, 4]}, {\"index\": 0, "
                             "\"embedding\": [1, 2]}]}",
                         API_OPENAI, 2, 2),
        ERR_INPUT);
    assert_int_equal(vectors("{\"data\": [{\"index\": 2, \"embedding\": [3, 4]}, {\"index\": 0, "
                             "\"embedding\": [1, 2]}]}",
                         API_OPENAI, 2, 2),
        ERR_INPUT);
    assert_int_equal(vectors("[[1, 2]]", API_TEI, 2, 0), ERR_INPUT);
    assert_int_equal(vectors("[[1, 2], [3]]", API_TEI, 2, 0), ERR_INPUT);
    assert_int_equal(vectors("[[1, 2], [3, null]]", API_TEI, 2, 0), ERR_INPUT);
    assert_int_equal(vectors("[[1, 2], [3, 1e99]]", API_TEI, 2, 0), ERR_INPUT);
    assert_int_equal(vectors("[[1, 2], [3, 4]]", API_TEI, 2, 3), ERR_INPUT);
    assert_int_equal(vectors("[[], []]", API_TEI, 2, 0), ERR_INPUT);
}

static void an_error_is_told_on_one_line(void **state) {
    (void)state;
    char said[40], code[20];
    const char *one = "{\"error\": {\"message\": \"no\\nsuch \\u001b model\", \"code\": \"gone\"}}",
               *two = "{\"error\": \"too long\", \"error_type\": \"Validation\"}",
               *three = "<html>";
    reply_error(one, strlen(one), said, sizeof said, code, sizeof code);
    assert_string_equal(said, "no such   model");
    assert_string_equal(code, "gone");
    reply_error(two, strlen(two), said, sizeof said, code, sizeof code);
    assert_string_equal(said, "too long");
    reply_error(three, strlen(three), said, sizeof said, code, sizeof code);
    assert_string_equal(said, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_continuation_begins_where_its_context_ends),
        cmocka_unit_test(letters_in_parts_are_aligned),
        cmocka_unit_test(what_is_wrong_is_no_score),
        cmocka_unit_test(the_model_that_was_asked_answers),
        cmocka_unit_test(a_letter_is_read_from_what_is_said),
        cmocka_unit_test(letters_have_the_numbers_of_their_tokens),
        cmocka_unit_test(vectors_are_one_for_each_text),
        cmocka_unit_test(an_error_is_told_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
