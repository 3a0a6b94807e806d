/* What is guessed of the columns of a data file, and what is said to be not sure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/cli/draft.h"
#include "evaluator/cli/guess.h"

struct made {
    json_t *rows, *named, *labels;
    struct columns columns;
    struct guess guess;
    struct err err;
    bool ok;
};

static json_t *parse(const char *text) {
    json_error_t why;
    json_t *v = text ? json_loads(text, 0, &why) : NULL;
    if (text && !v) {
        fail_msg("%s: %s", text, why.text);
    }
    return v;
}

static struct made *make(
    const char *rows, const char *kind, const char *named, const char *labels) {
    struct made *m = calloc(1, sizeof *m);
    m->rows = parse(rows);
    m->named = parse(named ? named : "{}");
    m->labels = parse(labels);
    columns_find(&m->columns, m->rows, m->labels);
    m->ok = guess_make(&m->guess, &m->columns, kind, m->named, &m->err);
    return m;
}

static void made_free(struct made *m) {
    columns_release(&m->columns);
    json_decref(m->rows);
    json_decref(m->named);
    json_decref(m->labels);
    free(m);
}

static bool doubted(const struct guess *g, const char *what) {
    for (size_t i = 0; i < g->n_notes; i++) {
        if (!strcmp(g->notes[i].what, what)) {
            return g->notes[i].doubt != NULL;
        }
    }
    return false;
}

static const char *columns_of(const struct guess *g, const char *what) {
    for (size_t i = 0; i < g->n_notes; i++) {
        if (!strcmp(g->notes[i].what, what)) {
            return g->notes[i].columns;
        }
    }
    return "(nothing)";
}

/* ---- the kinds ---- */

static void kinds_are_told_by_what_there_is(void **state) {
    static const struct {
        const char *rows, *kind;
    } CASES[] = {
        { "[{\"question\": \"q\", \"A\": \"x\", \"B\": \"y\", \"answer\": \"A\"}]", "choice" },
        { "[{\"Question Text\": \"q\", \"options\": [\"x\", \"y\"], \"gold\": 0}]", "choice" },
        { "[{\"stem\": \"q\", \"ending0\": \"x\", \"ending1\": \"y\", \"label\": \"1\"}]",
            "choice" },
        { "[{\"question\": \"q\", \"correct_answer\": \"x\", \"distractor1\": \"y\"}]", "choice" },
        { "[{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": \"2.5\"}]", "sts" },
        { "[{\"a\": \"x\", \"b\": \"y\", \"label\": 0.5}]", "sts" },
        { "[{\"a\": \"x\", \"b\": \"y\", \"label\": 0}, {\"a\": \"x\", \"b\": \"z\", "
          "\"label\": 1}]",
            "pair" },
        { "[{\"query\": \"q\", \"positive\": [\"x\"], \"negative\": [\"y\", \"z\"]}]", "rerank" },
        { "[{\"text\": \"a\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": \"y\"}, {\"text\": "
          "\"c\", \"label\": \"x\"}]",
            "choice" },
        { "[{\"question\": \"q\", \"answer\": \"long\"}]", "loglikelihood" },
        { "[{\"query\": \"q\", \"passage\": \"p\"}]", "retrieval" },
        { "[{\"content\": \"once\"}]", "rolling" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made *m = make(CASES[i].rows, NULL, NULL, NULL);
        if (!m->ok || strcmp(draft_kind_name(m->guess.kind), CASES[i].kind)) {
            fail_msg("%s: %s %s", CASES[i].rows, draft_kind_name(m->guess.kind), m->err.msg);
        }
        made_free(m);
    }
}

/* By their kind, or by a role that they alone have. */
static void labelled_texts_are_a_classification_if_one_says_so(void **state) {
    static const char ROWS[] = "[{\"id\": 1, \"utterance\": \"a long text\", \"intent\": 4}]";
    static const struct {
        const char *kind, *named, *made;
    } CASES[] = {
        { "classification", NULL, "classification" },
        { "clustering", NULL, "clustering" },
        { NULL, "{\"label\": \"intent\"}", "classification" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made *m = make(ROWS, CASES[i].kind, CASES[i].named, NULL);
        if (!m->ok) {
            fail_msg("%s", m->err.msg);
        }
        assert_string_equal(draft_kind_name(m->guess.kind), CASES[i].made);
        assert_string_equal(m->guess.first->name, "utterance");
        assert_string_equal(m->guess.label->name, "intent");
        made_free(m);
    }
}

/* ---- options ---- */

static void options_are_found_in_every_shape(void **state) {
    static const struct {
        const char *rows;
        enum options_form form;
        size_t n;
        const char *columns;
    } CASES[] = {
        { "[{\"q\": \"?\", \"choices\": [\"x\", \"y\", \"z\"], \"answer\": 1}]", OPTIONS_LIST, 3,
            "choices" },
        { "[{\"q\": \"?\", \"choices\": {\"text\": [\"x\", \"y\"], \"label\": [\"1\", \"2\"]}, "
          "\"answerKey\": \"2\"}]",
            OPTIONS_LABELLED, 2, "choices" },
        { "[{\"q\": \"?\", \"options\": \"[\\\"x\\\", \\\"y\\\"]\", \"answer\": \"x\"}]",
            OPTIONS_JSON, 2, "options" },
        { "[{\"q\": \"?\", \"options\": \"x | y | z\", \"answer\": \"y\"}]", OPTIONS_SPLIT, 3,
            "options" },
        { "[{\"q\": \"?\", \"D\": \"4\", \"A\": \"1\", \"C\": \"3\", \"B\": \"2\", \"answer\": "
          "\"C\"}]",
            OPTIONS_COLUMNS, 4, "A, B, C, D" },
        { "[{\"question\": \"?\", \"opa\": \"x\", \"opb\": \"y\", \"opc\": \"z\", \"cop\": 3}]",
            OPTIONS_COLUMNS, 3, "opa, opb, opc" },
        { "[{\"goal\": \"?\", \"sol1\": \"x\", \"sol2\": \"y\", \"question\": \"?\", \"label\": "
          "0}]",
            OPTIONS_COLUMNS, 2, "sol1, sol2" },
        { "[{\"question\": \"?\", \"Correct Answer\": \"x\", \"Incorrect Answer 1\": \"y\"}]",
            OPTIONS_RIGHT, 2, "Correct Answer, Incorrect Answer 1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made *m = make(CASES[i].rows, NULL, NULL, NULL);
        if (!m->ok) {
            fail_msg("%s: %s", CASES[i].rows, m->err.msg);
        }
        json_t *options = guess_options(&m->guess, json_array_get(m->rows, 0));
        assert_int_equal(m->guess.options_form, CASES[i].form);
        assert_int_equal(json_array_size(options), CASES[i].n);
        assert_string_equal(columns_of(&m->guess, "options"), CASES[i].columns);
        json_decref(options);
        made_free(m);
    }
}

static void columns_that_are_no_options_are_left_alone(void **state) {
    (void)state;
    /* No run of letters from A, and "a" alone is none. */
    struct made *m = make(
        "[{\"question\": \"?\", \"B\": \"x\", \"C\": \"y\", \"answer\": \"x\"}]", NULL, NULL, NULL);
    assert_true(m->ok);
    assert_int_equal(m->guess.kind, DRAFT_LOGLIKELIHOOD);
    made_free(m);
    m = make("[{\"question\": \"?\", \"answer1\": \"x\", \"answer\": \"x\"}]", NULL, NULL, NULL);
    assert_int_equal(m->guess.kind, DRAFT_LOGLIKELIHOOD);
    made_free(m);
}

/* ---- answers ---- */

#define ROW(a)                                                                                     \
    "{\"question\": \"?\", \"A\": \"one\", \"B\": \"two\", \"C\": \"three\", \"answer\": " a "}"
#define NUMBERS(a)                                                                                 \
    "{\"question\": \"?\", \"A\": \"1\", \"B\": \"2\", \"C\": \"3\", \"answer\": " a "}"

#define GAP(a)                                                                                     \
    "{\"question\": \"?\", \"A\": \"one\", \"B\": \"\", \"C\": \"three\", \"answer\": " a "}"

static void answers_are_read_by_all_rows(void **state) {
    static const struct {
        const char *rows;
        enum answer_form form;
        bool doubt;
    } CASES[] = {
        { "[" ROW("\"A\"") "," ROW("\"c\"") "," ROW("\"(B)\"") "]", ANSWER_LETTER, false },
        { "[" ROW("\"one\"") "," ROW("\" three \"") "]", ANSWER_TEXT, false },
        { "[" ROW("0") "," ROW("2") "]", ANSWER_FROM_0, false },
        { "[" ROW("\"1\"") "," ROW("\"3\"") "]", ANSWER_FROM_1, false },
        { "[" ROW("1") "," ROW("2") "]", ANSWER_FROM_1, true },
        { "[" ROW("\"A\"") "," ROW("\"D\"") "]", ANSWER_LETTER, true },
        { "[" ROW("\"one\"") "," ROW("\"four\"") "]", ANSWER_TEXT, true },
        { "[" NUMBERS("\"1\"") "," NUMBERS("\"3\"") "]", ANSWER_TEXT, true },
        { "[" GAP("\"C\"") "," GAP("\"a\"") "]", ANSWER_LETTER, false },
        { "[" GAP("\"B\"") "," GAP("\"a\"") "]", ANSWER_LETTER, true }, /* nothing is there */
        { "[" GAP("1") "," GAP("3") "]", ANSWER_FROM_1, false },
        { "[{\"question\": \"?\", \"option_a\": \"x\", \"option_b\": \"y\", \"answer\": "
          "\"option_b\"}]",
            ANSWER_COLUMN, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made *m = make(CASES[i].rows, NULL, NULL, NULL);
        assert_true(m->ok);
        if (m->guess.answer_form != CASES[i].form ||
            doubted(&m->guess, "answer") != CASES[i].doubt) {
            fail_msg("%s: form %d, doubt %d", CASES[i].rows, m->guess.answer_form,
                doubted(&m->guess, "answer"));
        }
        made_free(m);
    }
}

static void labels_of_texts_are_choices(void **state) {
    (void)state;
    struct made *m = make("[{\"text\": \"a\", \"label\": \"pos\"}, {\"text\": \"b\", \"label\": "
                          "\"neg\"}, {\"text\": \"c\", \"label\": \"neg\"}]",
        NULL, NULL, NULL);
    json_t *options = guess_options(&m->guess, NULL);
    assert_int_equal(m->guess.options_form, OPTIONS_FIXED);
    assert_string_equal(json_string_value(json_array_get(options, 0)), "neg");
    assert_true(doubted(&m->guess, "kind"));
    json_decref(options);
    made_free(m);
    /* Class labels have names, and the row has their number. */
    m = make("[{\"text\": \"a\", \"label\": 1}, {\"text\": \"b\", \"label\": 0}, {\"text\": \"c\", "
             "\"label\": 1}]",
        NULL, NULL, "{\"label\": {\"0\": \"sad\", \"1\": \"glad\"}}");
    options = guess_options(&m->guess, NULL);
    assert_int_equal(m->guess.answer_form, ANSWER_FROM_0);
    assert_string_equal(json_string_value(json_array_get(options, 1)), "glad");
    json_decref(options);
    made_free(m);
}

static void a_scale_without_its_ends_is_not_sure(void **state) {
    (void)state;
    struct made *m = make(
        "[{\"text1\": \"a\", \"text2\": \"b\", \"score\": 0}, {\"text1\": \"a\", \"text2\": \"c\", "
        "\"score\": 5}]",
        NULL, NULL, NULL);
    assert_true(m->guess.low == 0 && m->guess.high == 5);
    assert_false(doubted(&m->guess, "score"));
    made_free(m);
    m = make("[{\"text1\": \"a\", \"text2\": \"b\", \"score\": 1.5}, {\"text1\": \"a\", \"text2\": "
             "\"c\", \"score\": 4.2}]",
        NULL, NULL, NULL);
    assert_true(m->guess.low == 1 && m->guess.high == 5);
    assert_true(doubted(&m->guess, "score"));
    made_free(m);
}

/* ---- what the user says ---- */

static void what_is_named_goes_before_a_guess(void **state) {
    (void)state;
    struct made *m =
        make("[{\"Frage\": \"?\", \"x\": \"one\", \"y\": \"two\", \"Antwort\": \"two\", "
             "\"question\": \"no\"}]",
            NULL, "{\"question\": \"Frage\", \"options\": \"x,y\", \"answer\": \"Antwort\"}", NULL);
    if (!m->ok) {
        fail_msg("%s", m->err.msg);
    }
    assert_int_equal(m->guess.kind, DRAFT_CHOICE);
    assert_string_equal(columns_of(&m->guess, "question"), "Frage");
    assert_string_equal(columns_of(&m->guess, "options"), "x, y");
    assert_int_equal(m->guess.answer_form, ANSWER_TEXT);
    made_free(m);
}

static void what_cannot_be_told_is_asked_for(void **state) {
    static const struct {
        const char *rows, *kind, *named;
        enum err_class class;
        const char *says;
    } CASES[] = {
        { "[]", NULL, NULL, ERR_INPUT, "no rows" },
        { "[{\"n\": 1}]", NULL, NULL, ERR_INPUT, "what kind" },
        { "[{\"question\": \"?\", \"A\": \"x\", \"B\": \"y\"}]", "choice", NULL, ERR_INPUT,
            "which column is the answer" },
        { "[{\"question\": \"?\", \"answer\": \"x\"}]", "choice", NULL, ERR_INPUT,
            "which column is the options" },
        { "[{\"sentence1\": \"?\", \"score\": 1}]", "sts", NULL, ERR_INPUT, "is the first" },
        { "[{\"query\": \"?\"}]", "retrieval", NULL, ERR_INPUT, "is the passage" },
        { "[{\"text\": \"?\"}]", "quiz", NULL, ERR_UNSUPPORTED, "kind 'quiz'" },
        { "[{\"text\": \"?\"}]", NULL, "{\"txt\": \"text\"}", ERR_USAGE, "no role 'txt'" },
        { "[{\"text\": \"?\"}]", "rolling", "{\"text\": \"page\"}", ERR_USAGE, "no column 'page'" },
        { "[{\"text\": \"?\"}]", "rolling", "{\"answer\": \"text\"}", ERR_USAGE,
            "has no role 'answer'" },
        { "[{\"text\": \"?\"}]", NULL, "{\"text\": \"text\", \"score\": \"text\"}", ERR_USAGE,
            "no kind of task" },
        { "[{\"q\": \"?\", \"o\": \"one\", \"answer\": \"one\"}]", "choice", "{\"options\": \"o\"}",
            ERR_INPUT, "no lists of options" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct made *m = make(CASES[i].rows, CASES[i].kind, CASES[i].named, NULL);
        if (m->ok || m->err.class != CASES[i].class || !strstr(m->err.msg, CASES[i].says)) {
            fail_msg("%s: ok %d, '%s', not '%s'", CASES[i].rows, m->ok, m->err.msg, CASES[i].says);
        }
        made_free(m);
    }
}

/* ---- the file ---- */

static void names_of_strangers_are_quoted(void **state) {
    struct draft d = { .task = "t", .file = "my \"data\"\n.csv", .n_rows = 1 };
    struct strbuf out = { 0 };
    (void)state;
    struct made *m =
        make("[{\"question\": \"?\", \"end\": \"x\", \"A b\": \"y\", \"an\\\\s\": \"x\"}]",
            "choice", "{\"options\": \"end,A b\", \"answer\": \"an\\\\s\"}", NULL);
    assert_true(m->ok);
    draft_write(&d, &m->guess, &out);
    assert_non_null(strstr(out.text, "row[\"end\"], row[\"A b\"]"));
    assert_non_null(strstr(out.text, "row[\"an\\\\s\"]"));
    assert_non_null(strstr(out.text, "file \"my \\\"data\\\"\\n.csv\""));
    assert_non_null(strstr(out.text, "over my \"data\" .csv,\n-- begun"));
    strbuf_release(&out);
    made_free(m);
}

static void what_is_not_sure_is_marked_in_the_file(void **state) {
    struct draft d = { .task = "t", .file = "x.csv", .n_rows = 2 };
    struct strbuf sure = { 0 }, unsure = { 0 };
    (void)state;
    struct made *m = make("[" ROW("0") "," ROW("2") "]", NULL, NULL, NULL);
    draft_write(&d, &m->guess, &sure);
    assert_null(strstr(sure.text, "CHECK"));
    made_free(m);
    m = make("[" ROW("1") "," ROW("2") "]", NULL, NULL, NULL);
    draft_write(&d, &m->guess, &unsure);
    assert_non_null(strstr(unsure.text, "-- CHECK: the numbers could count from 0 or from 1"));
    made_free(m);
    strbuf_release(&sure);
    strbuf_release(&unsure);
}

/* A letter names a column, not the place among those choices that the row has. */
static void an_answer_finds_its_choice_where_columns_are_empty(void **state) {
    struct draft d = { .task = "t", .file = "x.csv", .n_rows = 2 };
    struct strbuf letter = { 0 }, number = { 0 };
    (void)state;
    struct made *m = make("[" GAP("\"C\"") "," GAP("\"a\"") "]", NULL, NULL, NULL);
    draft_write(&d, &m->guess, &letter);
    assert_non_null(strstr(letter.text, "gold = place[letters.index(letters, "));
    assert_non_null(strstr(letter.text, ":upper()) + 1],"));
    made_free(m);
    m = make("[" GAP("1") "," GAP("3") "]", NULL, NULL, NULL);
    draft_write(&d, &m->guess, &number);
    assert_non_null(strstr(number.text, "gold = place[math.tointeger(tonumber(row.answer))],"));
    made_free(m);
    strbuf_release(&letter);
    strbuf_release(&number);
}

static void labels_of_the_first_rows_may_not_be_all(void **state) {
    (void)state;
    struct made *m = calloc(1, sizeof *m);
    m->rows = parse("[{\"text\": \"a\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": \"y\"}, "
                    "{\"text\": \"c\", \"label\": \"x\"}]");
    m->named = parse("{}");
    columns_find(&m->columns, m->rows, NULL);
    m->columns.more = true;
    assert_true(guess_make(&m->guess, &m->columns, NULL, m->named, &m->err));
    struct strbuf out = { 0 };
    draft_write(&(struct draft) { .task = "t", .file = "x.csv", .n_rows = 3, .more = true },
        &m->guess, &out);
    assert_non_null(strstr(out.text, "later ones may have other values"));
    strbuf_release(&out);
    made_free(m);
}

static const char *how_of(const struct guess *g, const char *what) {
    for (size_t i = 0; i < g->n_notes; i++) {
        if (!strcmp(g->notes[i].what, what)) {
            return g->notes[i].how;
        }
    }
    return "(nothing)";
}

static void rows_that_lack_something_are_left_out_and_said_so(void **state) {
    static const char ROWS[] =
        "[{\"question\": \"p\", \"A\": \"x\", \"B\": \"y\", \"answer\": \"A\"},"
        " {\"question\": \"q\", \"A\": \"x\", \"B\": \"\", \"answer\": \"A\"},"
        " {\"question\": null, \"A\": \"x\", \"B\": \"y\", \"answer\": \"\"},"
        " {\"question\": \"r\", \"A\": \"x\", \"B\": \"y\"}]";
    (void)state;
    struct made *m = make(ROWS, NULL, NULL, NULL);
    struct strbuf text = { 0 };
    assert_true(m->ok);
    assert_string_equal(columns_of(&m->guess, "rows"), "question, answer");
    assert_string_equal(how_of(&m->guess, "rows"), "empty in 2 of 4 rows, which are left out");
    draft_write(&(struct draft) { .task = "t", .file = "t.csv", .n_rows = 4 }, &m->guess, &text);
    assert_non_null(strstr(strbuf_str(&text),
        "if (row.question or \"\") ~= \"\" and (row.answer or \"\") ~= \"\" then kept["));
    strbuf_release(&text);
    made_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_by_what_there_is),
        cmocka_unit_test(labelled_texts_are_a_classification_if_one_says_so),
        cmocka_unit_test(options_are_found_in_every_shape),
        cmocka_unit_test(columns_that_are_no_options_are_left_alone),
        cmocka_unit_test(answers_are_read_by_all_rows),
        cmocka_unit_test(labels_of_texts_are_choices),
        cmocka_unit_test(a_scale_without_its_ends_is_not_sure),
        cmocka_unit_test(what_is_named_goes_before_a_guess),
        cmocka_unit_test(what_cannot_be_told_is_asked_for),
        cmocka_unit_test(names_of_strangers_are_quoted),
        cmocka_unit_test(what_is_not_sure_is_marked_in_the_file),
        cmocka_unit_test(an_answer_finds_its_choice_where_columns_are_empty),
        cmocka_unit_test(labels_of_the_first_rows_may_not_be_all),
        cmocka_unit_test(rows_that_lack_something_are_left_out_and_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
