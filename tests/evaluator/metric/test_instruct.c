/* The checkers of instructions against those of lm-evaluation-harness (fixtures/instruct), and,
 * where ASSAY_IFEVAL_VECTORS names what its record.py made of IFEval's own file, on that. What
 * sentences and languages are told by is made by script/languages; without it (ASSAY_LANGUAGES,
 * where the test is begun with it) those checkers are left out, and said to be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/metric/instruct.h"
#include "tests/base/check.h"

#define VECTORS ASSAY_TESTS_DIR "/fixtures/instruct/vectors.json"

static json_t *told_of(const char *text) {
    struct err err = ERR_INIT;
    json_t *json = json_parse(text, strlen(text), "told", &err);
    assert_non_null(json);
    return json;
}

static char verdict(const struct instructions *i, const char *text) {
    struct followed f;
    instructions_check(i, text, &f);
    return f.strict[0] ? '2' : f.loose[0] ? '1' : '0';
}

static size_t compare_row(
    const json_t *texts, const struct instructions *i, const char *said, const json_t *row) {
    size_t k, wrong = 0;
    json_t *text;
    json_array_foreach(texts, k, text) {
        char got = verdict(i, json_string_value(text));
        if (got != said[k]) {
            char *told = json_dumps(json_object_get(row, "told"), 0);
            print_error("%s of text %zu '%.300s': %c, the harness has %c\n", told, k,
                json_string_value(text), got, said[k]);
            free(told);
            wrong++;
        }
    }
    return wrong;
}

/* Each row's signs for all texts, and for those of its own. */
static void compare_all(const char *path) {
    json_t *all = json_parse_file(path, 256 << 20, &(struct err)ERR_INIT), *row;
    const json_t *texts = json_object_get(all, "texts");
    struct instruct_tools *tools = instruct_tools_new(NULL);
    size_t k, left_out = 0, wrong = 0, n = 0, seen[32] = { 0 };
    assert_non_null(all);
    json_array_foreach(json_object_get(all, "rows"), k, row) {
        struct err err = ERR_INIT;
        json_t *told = json_pack("[O]", json_object_get(row, "told"));
        struct instructions *i = instructions_new(tools, told, &err);
        if (!i && err.class != ERR_NOT_FOUND) {
            fail_msg("%s", err.msg);
        }
        left_out += !i;
        const json_t *own = json_object_get(row, "texts");
        wrong += i ? compare_row(texts, i, json_get_string(row, "said", ""), row) : 0;
        wrong += i ? compare_row(own, i, json_get_string(row, "own", ""), row) : 0;
        n += json_array_size(texts) + json_array_size(own);
        for (size_t c = 0; instruct_checker(c); c++) {
            const char *id = json_get_string(json_object_get(row, "told"), "id", "");
            seen[c] += strcmp(id, instruct_checker(c)) ? 0 : json_array_size(texts);
        }
        instructions_free(i);
        json_decref(told);
    }
    for (size_t c = 0; instruct_checker(c); c++) {
        assert_true(seen[c] >= 30);
    }
    if (left_out) {
        printf("left out: %zu rows, since ASSAY_LANGUAGES has no data\n", left_out);
    }
    printf("%zu verdicts on %zu instructions\n", n, json_array_size(json_object_get(all, "rows")));
    assert_int_equal(wrong, 0);
    instruct_tools_free(tools);
    json_decref(all);
}

static void every_checker_says_what_the_harness_s_says(void **state) {
    (void)state;
    compare_all(VECTORS);
}

static void instructions_of_the_real_file_are_checked_alike(void **state) {
    const char *path = getenv("ASSAY_IFEVAL_VECTORS");
    (void)state;
    if (!path) {
        print_message("ASSAY_IFEVAL_VECTORS names no vectors of IFEval's own file\n");
        skip();
    }
    compare_all(path);
}

static void what_cannot_be_checked_is_refused(void **state) {
    static const struct {
        const char *told, *message;
    } BAD[] = {
        { "[]", "1 to 64" },
        { "[{\"id\": \"keywords:existance\"}]", "no instruction 'keywords:existance'" },
        { "[{\"id\": \"keywords:existence\"}]", "has no 'keywords'" },
        { "[{\"id\": \"keywords:existence\", \"keywords\": []}]", "has no 'keywords'" },
        { "[{\"id\": \"keywords:existence\", \"keywords\": [\"(\"]}]", "bad regular expression" },
        { "[{\"id\": \"keywords:existence\", \"keywords\": [1]}]", "a keyword is no text" },
        { "[{\"id\": \"length_constraints:number_words\", \"num_words\": 0}]", "no 'num_words'" },
        { "[{\"id\": \"length_constraints:number_words\", \"num_words\": -3}]", "its range" },
        { "[{\"id\": \"length_constraints:number_words\", \"num_words\": 3, \"relation\": "
          "\"at most\"}]",
            "neither 'less than' nor" },
        { "[{\"id\": \"punctuation:no_comma\", \"letter\": \"a\"}]", "takes no 'letter'" },
        { "[{\"id\": \"keywords:letter_frequency\", \"letter\": \"ab\"}]", "is no letter" },
        { "[{\"id\": \"length_constraints:nth_paragraph_first_word\", \"num_paragraphs\": 1, "
          "\"nth_paragraph\": 2, \"first_word\": \"a\"}]",
            "its range" },
        { "[{\"id\": \"combination:repeat_prompt\", \"prompt_to_repeat\": null}]",
            "has no 'prompt_to_repeat'" },
        { "[{\"id\": \"length_constraints:number_sentences\", \"num_sentences\": 3, "
          "\"relation\": \"at least\"}]",
            "needs what is not in '/nowhere'" },
        { "[{\"id\": \"language:response_language\", \"language\": \"en\"}]",
            "needs what is not in '/nowhere'" },
    };
    struct instruct_tools *tools = instruct_tools_new("/nowhere");
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        json_t *told = told_of(BAD[i].told);
        if (instructions_new(tools, told, &err) || !strstr(err.msg, BAD[i].message)) {
            fail_msg("%s: '%s'", BAD[i].told, err.msg);
        }
        json_decref(told);
    }
    instruct_tools_free(tools);
}

/* The harness would draw a letter in its place. */
static void what_is_no_letter_is_counted(void **state) {
    struct err err = ERR_INIT;
    struct instruct_tools *tools = instruct_tools_new("/nowhere");
    json_t *told = told_of("[{\"id\": \"keywords:letter_frequency\", \"letter\": \"#\", "
                           "\"let_frequency\": 2, \"let_relation\": \"at least\"}]");
    struct instructions *i = instructions_new(tools, told, &err);
    (void)state;
    assert_non_null(i);
    assert_int_equal(verdict(i, "#a #b"), '2');
    assert_int_equal(verdict(i, "#a b"), '0');
    instructions_free(i);
    json_decref(told);
    instruct_tools_free(tools);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_checker_says_what_the_harness_s_says),
        cmocka_unit_test(instructions_of_the_real_file_are_checked_alike),
        cmocka_unit_test(what_cannot_be_checked_is_refused),
        cmocka_unit_test(what_is_no_letter_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
