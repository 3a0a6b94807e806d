/* When two results agree: to the bit, within what the dtype promises, or not; and single documents
 * asked by themselves. */
#include "task_main.h"

#include <math.h>

#include "evaluator/eval/agree.h"
#include "evaluator/eval/eval.h"

static json_t *parse(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    return v;
}

/* The verdict on one document. */
static enum agreement docs(const char *dtype, const char *before, const char *now) {
    struct agree_docs d = { .dtype = dtype, .n_shown = 3 };
    struct err err = ERR_INIT;
    assert_true(agree_docs_lines(&d, before, strlen(before), now, strlen(now), &err));
    enum agreement verdict = agree_docs_verdict(&d);
    assert_int_equal(json_array_size(d.differing), d.n - d.n_equal < 3 ? d.n - d.n_equal : 3);
    agree_docs_release(&d);
    return verdict;
}

#define CHOICE(ll)                                                                                 \
    "{\"doc_id\": 4, \"contexts\": [\"q\"], \"choices\": [1], \"gold\": 0, \"loglikelihoods\": "   \
    "[" ll "]}\n"

static void answers_are_judged_by_their_dtype(void **state) {
    (void)state;
    assert_int_equal(docs("f32", CHOICE("-3.25, -4"), CHOICE("-3.25, -4")), AGREE_BITS);
    assert_int_equal(docs("f32", CHOICE("-3.25, 0.0"), CHOICE("-3.25, -0.0")), AGREE_BITS);
    assert_int_equal(
        docs("f32", CHOICE("-3.25, -4"), CHOICE("-3.2500000000000004, -4")), AGREE_CLOSE);
    assert_int_equal(docs("f32", CHOICE("-3.25, -4"), CHOICE("-3.25, -4.0019")), AGREE_CLOSE);
    assert_int_equal(docs("f32", CHOICE("-3.25, -4"), CHOICE("-3.25, -4.0022")), AGREE_NOT);
    assert_int_equal(docs("f32", CHOICE("-3000, -4"), CHOICE("-3000.03, -4")), AGREE_CLOSE);
    assert_int_equal(docs("bf16", CHOICE("-3.25, -4"), CHOICE("-3.25, -4.9")), AGREE_CLOSE);
    assert_int_equal(docs("bf16", CHOICE("-3.25, -4"), CHOICE("-3.25, -5.1")), AGREE_NOT);
    assert_int_equal(docs("f16", CHOICE("-3.25, -4"), CHOICE("-3.25, -4.2")), AGREE_NOT);
    assert_int_equal(docs("int8", CHOICE("-3.25, -4"), CHOICE("-3.25, -7.9")), AGREE_CLOSE);
    assert_int_equal(docs("int8", CHOICE("-3.25, -4"), CHOICE("-3.25, -8.5")), AGREE_NOT);
    assert_int_equal(docs("strange", CHOICE("-3.25, -4"), CHOICE("-3.25, -4.01")), AGREE_NOT);
    assert_int_equal(docs("bf16", CHOICE("-3.25, -4"), CHOICE("-3.25")), AGREE_NOT);
    assert_int_equal(docs("bf16", CHOICE("-3.25, -4"), CHOICE("-3.25, null")), AGREE_NOT);
}

static void another_question_is_never_close(void **state) {
    static const char OTHER[] =
        "{\"doc_id\": 4, \"contexts\": [\"r\"], \"choices\": [1], \"gold\": "
        "0, \"loglikelihoods\": [-1]}\n";
    (void)state;
    assert_int_equal(docs("f32", CHOICE("-1"), OTHER), AGREE_NOT);
    assert_int_equal(docs("f32", CHOICE("-1") CHOICE("-2"), CHOICE("-1")), AGREE_NOT);
    assert_int_equal(docs("f32", CHOICE("-1"), CHOICE("-1") CHOICE("-2")), AGREE_NOT);
}

#define SAID(labels)                                                                               \
    "{\"doc_id\": 0, \"text\": \"a\", \"gold\": 1, \"predictions\": [" labels "]}\n"

/* One experiment of ten may decide a near tie otherwise. */
static void labels_agree_experiment_by_experiment(void **state) {
    (void)state;
    assert_int_equal(
        docs("f32", SAID("1,1,1,1,1,1,1,1,1,1"), SAID("1,1,1,1,1,1,1,1,1,1")), AGREE_BITS);
    assert_int_equal(
        docs("f32", SAID("1,1,1,1,1,1,1,1,1,1"), SAID("1,1,1,1,1,2,1,1,1,1")), AGREE_CLOSE);
    assert_int_equal(
        docs("f32", SAID("1,1,1,1,1,1,1,1,1,1"), SAID("1,1,3,1,1,2,1,1,1,1")), AGREE_NOT);
    assert_int_equal(docs("f32", SAID("1,1,1,1,1,1,1,1,1,1"), SAID("1,1,1,1,1")), AGREE_NOT);
}

#define HEAP(assigned)                                                                             \
    "{\"doc_id\": 0, \"text\": \"a\", \"labels\": [\"x\"], \"set\": 0, \"assigned\": " assigned    \
    "}\n"

static void another_cluster_is_another_answer(void **state) {
    (void)state;
    assert_int_equal(docs("f32", HEAP("3"), HEAP("3")), AGREE_BITS);
    assert_int_equal(docs("f32", HEAP("3"), HEAP("4")), AGREE_CLOSE);
    assert_int_equal(docs("f32", HEAP("3"),
                         "{\"doc_id\": 0, \"text\": \"a\", \"labels\": [\"x\"], \"set\": 0}\n"),
        AGREE_NOT);
}

#define PAIR(c, m)                                                                                 \
    "{\"doc_id\": 0, \"texts\": [\"a\", \"b\"], \"gold\": 1, \"metrics\": {\"cosine\": " c         \
    ", \"manhattan\": " m ", \"euclidean\": -1}}\n"
#define RANKED(a, b)                                                                               \
    "{\"doc_id\": 0, \"query_id\": \"x\", \"ranking\": [" a ", " b "], \"metrics\": {}}\n"
#define AT(id, score) "{\"id\": \"" id "\", \"score\": " score "}"

static void similarities_are_judged_by_their_size(void **state) {
    (void)state;
    assert_int_equal(docs("f32", PAIR("0.5", "-90"), PAIR("0.5", "-90")), AGREE_BITS);
    assert_int_equal(docs("f32", PAIR("0.5", "-90"), PAIR("0.500009", "-90")), AGREE_CLOSE);
    assert_int_equal(docs("f32", PAIR("0.5", "-90"), PAIR("0.50002", "-90")), AGREE_NOT);
    assert_int_equal(docs("f32", PAIR("0.5", "-90"), PAIR("0.5", "-90.0008")), AGREE_CLOSE);
    assert_int_equal(docs("f32", PAIR("0.5", "-90"), PAIR("0.5", "-90.001")), AGREE_NOT);
    /* Neighbours of one score may change places; the bits are not the same then. */
    assert_int_equal(
        docs("f32", RANKED(AT("a", "0.9"), AT("b", "0.8")), RANKED(AT("a", "0.9"), AT("b", "0.8"))),
        AGREE_BITS);
    assert_int_equal(
        docs("f32", RANKED(AT("a", "0.9"), AT("b", "0.9")), RANKED(AT("b", "0.9"), AT("a", "0.9"))),
        AGREE_CLOSE);
    assert_int_equal(docs("f32", RANKED(AT("a", "0.9"), AT("b", "0.8")),
                         RANKED(AT("a", "0.9"), AT("c", "0.85"))),
        AGREE_NOT);
}

#define RESULT(acc, se)                                                                            \
    "{\"n\": 100, \"metrics\": {\"acc\": {\"value\": " acc ", \"stderr\": " se ", \"low\": 0}}}"

static enum agreement metrics(const char *before, const char *now) {
    json_t *a = parse(before), *b = parse(now), *list;
    enum agreement verdict = agree_metrics(a, b, "f32", &list);
    json_decref(list);
    json_decref(a);
    json_decref(b);
    return verdict;
}

static void scores_without_samples_may_differ_by_a_document(void **state) {
    (void)state;
    assert_int_equal(metrics(RESULT("0.5", "0.05"), RESULT("0.5", "0.05")), AGREE_BITS);
    assert_int_equal(metrics(RESULT("0.5", "0.05"), RESULT("0.5", "0.06")), AGREE_CLOSE);
    assert_int_equal(metrics(RESULT("0.5", "0.05"), RESULT("0.51", "0.05")), AGREE_CLOSE);
    assert_int_equal(metrics(RESULT("0.5", "0.05"), RESULT("0.52", "0.05")), AGREE_NOT);
    assert_int_equal(metrics(RESULT("0.5", "0.05"), "{\"metrics\": {}}"), AGREE_NOT);
    assert_int_equal(metrics(RESULT("0.5", "null"), RESULT("0.5", "null")), AGREE_BITS);
    /* An overall value may be missing where subsets are; these count by themselves. */
    static const char PARTS[] =
        "{\"n\": 4, \"metrics\": {\"acc\": {\"value\": null}}, \"subsets\": "
        "{\"a\": {\"n\": 4, \"metrics\": {\"acc\": {\"value\": %s}}}}}";
    char half[200], none[200];
    snprintf(half, sizeof half, PARTS, "0.5");
    snprintf(none, sizeof none, PARTS, "0.0");
    assert_int_equal(metrics(half, half), AGREE_BITS);
    assert_int_equal(metrics(half, none), AGREE_NOT);
}

static void a_metric_of_another_rule_is_told_from_another_answer(void **state) {
    const char *why = "";
    struct agree_docs equal = { .n = 3, .n_equal = 3, .n_close = 3 },
                      close = { .n = 3, .n_equal = 1, .n_close = 3 },
                      apart = { .n = 3, .n_equal = 1, .n_close = 2 },
                      other = { .n = 3, .n_equal = 2, .n_close = 2, .n_other = 1 };
    (void)state;
    assert_int_equal(agree_whole(AGREE_BITS, &equal, &why), AGREE_BITS);
    assert_int_equal(agree_whole(AGREE_NOT, &equal, &why), AGREE_NOT);
    assert_non_null(strstr(why, "rule"));
    assert_int_equal(agree_whole(AGREE_NOT, &close, &why), AGREE_CLOSE); /* near ties */
    assert_int_equal(agree_whole(AGREE_BITS, &apart, &why), AGREE_NOT);
    assert_int_equal(agree_whole(AGREE_BITS, &other, &why), AGREE_NOT);
    assert_non_null(strstr(why, "questions"));
    assert_int_equal(agree_whole(AGREE_CLOSE, NULL, &why), AGREE_CLOSE);
    assert_non_null(strstr(why, "no samples"));
}

static void what_differs_is_described(void **state) {
    struct agree_docs d = { .dtype = "f32", .n_shown = 1 };
    static const char BEFORE[] = CHOICE("-1, -2") CHOICE("-1, -2"),
                      NOW[] = CHOICE("-1, -2.5") CHOICE("-1.25, -2");
    struct err err = ERR_INIT;
    (void)state;
    assert_true(agree_docs_lines(&d, BEFORE, strlen(BEFORE), NOW, strlen(NOW), &err));
    assert_int_equal(d.n, 2);
    assert_int_equal(d.n_close, 0);
    assert_true(d.largest == 0.5);
    const json_t *one = json_array_get(d.differing, 0);
    assert_int_equal(json_array_size(d.differing), 1);
    assert_int_equal(json_get_int(one, "doc_id", -1), 4);
    assert_string_equal(json_get_string(one, "what", ""), "loglikelihoods[1]");
    assert_true(json_get_number(one, "difference", 0) == -0.5);
    agree_docs_release(&d);
}

/* ---- some documents by themselves ---- */

static bool score_by_length(void *self, const char *profile, struct score_request *requests,
    size_t n, const struct run_options *run, struct err *err) {
    size_t *asked = self;
    (void)profile;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < requests[i].n_choices; c++, ++*asked) {
            requests[i].choices[c].loglikelihood = -0.1 * (double)requests[i].choices[c].text_n -
                                                   0.001 * (double)requests[i].context_n;
            requests[i].choices[c].n_tokens = 1;
        }
    }
    return true;
}

static bool embed_by_letter(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    size_t *asked = self;
    (void)role;
    (void)prompt;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++, ++*asked) {
        const char *text = requests[i].text;
        float angle = 0.1f * (float)((strncmp(text, "query ", 6) ? text[0] : text[6]) - 'a');
        vectors[2 * i] = cosf(angle);
        vectors[2 * i + 1] = sinf(angle);
    }
    return true;
}

static size_t asked;
static struct subject subject = { .name = "org/fake",
    .self = &asked,
    .score = score_by_length,
    .embed = embed_by_letter,
    .width = 2 };

static struct task *load(const char *path) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    return t;
}

static const char *line_at(const char *text, size_t at) {
    while (at-- > 0) {
        text = strchr(text, '\n') + 1;
    }
    return text;
}

static void single_documents_say_what_they_said_among_all(void **state) {
    struct task *t = load(TASK_FIXTURES "/quiz.lua");
    struct strbuf whole = { 0 }, part = { 0 };
    struct err err = ERR_INIT;
    json_t *result;
    const size_t wanted[] = { 7, 2 };
    (void)state;
    assert_true(eval_run(t, &subject, NULL, &result, &whole, &err));
    asked = 0;
    struct eval_part two = { .docs = wanted, .n = 2 };
    assert_true(eval_part(t, &subject, &two, NULL, &part, &err));
    assert_int_equal(asked, 2 * 2 * 3); /* and the choices alone */
    const char *first = line_at(whole.text, 7), *second = line_at(whole.text, 2);
    size_t n = (size_t)(strchr(first, '\n') - first) + 1;
    assert_int_equal(strncmp(part.text, first, n), 0);
    assert_int_equal(
        strncmp(part.text + n, second, (size_t)(strchr(second, '\n') - second) + 1), 0);
    const size_t beyond[] = { 12 };
    assert_false(
        eval_part(t, &subject, &(struct eval_part) { .docs = beyond, .n = 1 }, NULL, &part, &err));
    assert_non_null(strstr(err.msg, "no document at position 12"));
    json_decref(result);
    strbuf_release(&whole);
    strbuf_release(&part);
    task_free(t);
}

static void a_query_is_asked_against_the_passages_it_showed(void **state) {
    struct task *t = load(TASK_FIXTURES "/lookup.lua");
    struct strbuf whole = { 0 }, part = { 0 };
    struct err err = ERR_INIT;
    json_t *result;
    const size_t wanted[] = { 1 };
    const char *const shown[] = { "a", "c", "d", "e" }, *const unknown[] = { "zz" };
    struct agree_docs d = { .dtype = "f32", .n_shown = 1 };
    (void)state;
    assert_true(eval_run(t, &subject, NULL, &result, &whole, &err));
    asked = 0;
    struct eval_part one = { .docs = wanted, .n = 1, .passages = shown, .n_passages = 4 };
    assert_true(eval_part(t, &subject, &one, NULL, &part, &err));
    assert_int_equal(asked, 5); /* four passages, one query */
    const char *before = line_at(whole.text, 1);
    assert_true(agree_docs_lines(&d, before, strlen(before), part.text, part.len, &err));
    assert_int_equal(agree_docs_verdict(&d), AGREE_BITS);
    one.passages = unknown;
    one.n_passages = 1;
    assert_false(eval_part(t, &subject, &one, NULL, &part, &err));
    assert_non_null(strstr(err.msg, "no passage 'zz'"));
    agree_docs_release(&d);
    json_decref(result);
    strbuf_release(&whole);
    strbuf_release(&part);
    task_free(t);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged_by_their_dtype),
        cmocka_unit_test(another_question_is_never_close),
        cmocka_unit_test(labels_agree_experiment_by_experiment),
        cmocka_unit_test(another_cluster_is_another_answer),
        cmocka_unit_test(similarities_are_judged_by_their_size),
        cmocka_unit_test(scores_without_samples_may_differ_by_a_document),
        cmocka_unit_test(a_metric_of_another_rule_is_told_from_another_answer),
        cmocka_unit_test(what_differs_is_described),
        cmocka_unit_test(single_documents_say_what_they_said_among_all),
        cmocka_unit_test(a_query_is_asked_against_the_passages_it_showed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
