/* The same questions asked in another way: options in another order, other words. */
#include "recorded.h"

#include "base/mem.h"
#include "evaluator/task/profile.h"

#define PEER TASK_FIXTURES "/peer"
#define LISTED TASK_FIXTURES "/listed.lua"

static struct task *try_load(const char *name, const char *profile, struct err *err) {
    struct task_request q = TASK_REQUEST_INIT;
    q.name = name;
    q.profile = profile;
    q.tasks_dir = TASKS_DIR;
    q.resolve = recorded_data;
    q.resolve_arg = PEER;
    return task_load(&q, err);
}

static struct task *load(const char *name, const char *profile) {
    struct err err = ERR_INIT;
    struct task *t = try_load(name, profile, &err);
    if (!t) {
        fail_msg("%s under %s: %s", name, profile ? profile : "its own rules", err.msg);
    }
    return t;
}

/* ---- names ---- */

static void a_profile_is_a_rule_set_and_what_was_varied(void **state) {
    (void)state;
    static const struct {
        const char *text, *rules;
        unsigned order, wording;
    } GOOD[] = {
        { "lighteval", "lighteval", 0, 0 },
        { "lm-eval/0.4.13+order3", "lm-eval/0.4.13", 3, 0 },
        { "mteb/2+wording12", "mteb/2", 0, 12 },
        { "lm-eval/pre-3347+wording1+order1000", "lm-eval/pre-3347", 1000, 1 },
    };
    static const char *const BAD[] = { "", "lm-eval", "+order1", "lighteval+", "lighteval+order",
        "lighteval+order0", "lighteval+order01", "lighteval+order1001", "lighteval+order1x",
        "lighteval+order1+order2", "lighteval+order-1", "lighteval+shots1", "lighteval+order 1",
        "lighteval+order99999999999999999999", "lighteval order1" };
    struct profile p;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        struct err err = ERR_INIT;
        assert_true(profile_parse(GOOD[i].text, &p, &err));
        assert_string_equal(p.rules, GOOD[i].rules);
        assert_int_equal(p.order, GOOD[i].order);
        assert_int_equal(p.wording, GOOD[i].wording);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        if (profile_parse(BAD[i], &p, &err)) {
            fail_msg("'%s' was taken for a profile", BAD[i]);
        }
        assert_int_equal(err.class, ERR_USAGE);
    }
}

/* ---- orders ---- */

/* The text of the right answer: where choices are letters, what stands behind that letter in the
 * prompt's last list. */
static char *right_answer(const struct task_doc *d) {
    const char *choice = d->choices[d->gold[0]].text, *found = NULL;
    struct strbuf label = { 0 };
    strbuf_addf(&label, "\n%s%s ", choice, choice[0] == '(' ? "" : ".");
    for (const char *at = d->contexts[0]; (at = strstr(at, strbuf_str(&label))); at++) {
        found = at + label.len;
    }
    char *text = found ? xstrndup(found, strcspn(found, "\n")) : xstrdup(choice);
    strbuf_release(&label);
    return text;
}

static void count_bytes(const char *text, size_t counts[256]) {
    memset(counts, 0, 256 * sizeof *counts);
    for (; *text; text++) {
        counts[(unsigned char)*text]++;
    }
}

/* Lines that change places leave every byte there is. */
static void same_question(
    const char *name, const struct task_doc *plain, const struct task_doc *other) {
    size_t before[256], after[256];
    count_bytes(plain->contexts[0], before);
    count_bytes(other->contexts[0], after);
    char *want = right_answer(plain), *got = right_answer(other);
    if (memcmp(before, after, sizeof before) || strcmp(want, got)) {
        fail_msg("%s: in another order the answer '%s' of\n%s\nis '%s' of\n%s", name, want,
            plain->contexts[0], got, other->contexts[0]);
    }
    free(want);
    free(got);
}

/* How many documents read otherwise than before. */
static size_t compare_orders(const char *name, const char *profile) {
    size_t n, m, changed = 0;
    struct task *plain = load(name, NULL), *other = load(name, profile);
    const struct task_doc *a = task_docs(plain, &n), *b = task_docs(other, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        if (a[i].n_gold == 1) {
            same_question(name, &a[i], &b[i]);
        }
        changed += strcmp(a[i].contexts[0], b[i].contexts[0]) != 0;
    }
    task_free(plain);
    task_free(other);
    return changed;
}

static void another_order_is_the_same_question_with_the_same_answer(void **state) {
    (void)state;
    static const char *const TASKS[] = { "mmlu_anatomy", "commonsense_qa", "logiqa",
        "leaderboard_mmlu_pro", "leaderboard_gpqa_main", "leaderboard_musr_murder_mysteries",
        "leaderboard_musr_object_placements", "leaderboard_musr_team_allocation", LISTED };
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++) {
        size_t changed = compare_orders(TASKS[i], "lm-eval/0.4.13+order1") +
                         compare_orders(TASKS[i], "lm-eval/0.4.13+order2");
        if (!changed) {
            fail_msg("%s: no question has its options in another order", TASKS[i]);
        }
    }
}

/* The text of a document's context as far as its own question. */
static size_t length_of_examples(const struct task_doc *d) {
    const char *last = strstr(d->contexts[0], "\n\n");
    return last ? (size_t)(last + 2 - d->contexts[0]) : 0;
}

static void examples_stay_and_each_number_is_one_order(void **state) {
    (void)state;
    size_t n;
    struct task *plain = load(LISTED, NULL), *one = load(LISTED, "lm-eval/0.4.13+order1"),
                *again = load(LISTED, "lm-eval/0.4.13+order1"),
                *two = load(LISTED, "lm-eval/0.4.13+order2");
    const struct task_doc *p = task_docs(plain, &n), *a = task_docs(one, &n),
                          *b = task_docs(again, &n), *c = task_docs(two, &n);
    size_t differ = 0;
    for (size_t i = 0; i < n; i++) {
        size_t examples = length_of_examples(&p[i]);
        assert_true(examples > 0);
        assert_memory_equal(p[i].contexts[0], a[i].contexts[0], examples);
        assert_string_equal(a[i].contexts[0], b[i].contexts[0]);
        differ += strcmp(a[i].contexts[0], c[i].contexts[0]) != 0;
    }
    assert_true(differ > 0);
    assert_string_equal(task_info(one)->profile, "lm-eval/0.4.13+order1");
    assert_string_equal(task_info(one)->rules, "lm-eval/0.4.13");
    assert_string_equal(task_info(plain)->profile, "lm-eval/0.4.13");
    task_free(plain);
    task_free(one);
    task_free(again);
    task_free(two);
}

/* ---- wordings ---- */

static void a_wording_is_of_questions_and_examples(void **state) {
    (void)state;
    size_t n;
    struct task *first = load(LISTED, "lm-eval/0.4.13+wording1"),
                *second = load(LISTED, "lm-eval/0.4.13+wording2");
    assert_int_equal(task_info(first)->n_wordings, 2);
    assert_true(task_info(first)->reorders);
    const struct task_doc *d = task_docs(first, &n);
    assert_memory_equal(d[0].contexts[0], "Q: ", 3);
    assert_non_null(strstr(d[0].contexts[0], "\n\nQ: Question 0?\nA. a0\n"));
    d = task_docs(second, &n);
    assert_non_null(strstr(d[0].contexts[0], "\n\nQ: Question 0?\nA:"));
    assert_string_equal(d[0].choices[1].text, "b0");
    task_free(first);
    task_free(second);
}

static void the_librarys_wordings_ask_the_same(void **state) {
    static const char *const TASKS[] = { "arc_easy", "piqa", "boolq", "openbookqa", "sciq",
        "mmlu_anatomy" };
    (void)state;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++) {
        size_t n, m;
        struct task *plain = load(TASKS[i], NULL),
                    *other = load(TASKS[i], "lm-eval/0.4.13+wording1");
        const struct task_doc *a = task_docs(plain, &n), *b = task_docs(other, &m);
        assert_true(task_info(plain)->n_wordings >= 3 && n == m && n > 0);
        for (size_t d = 0; d < n; d++) {
            assert_string_not_equal(a[d].contexts[0], b[d].contexts[0]);
            assert_true(a[d].n_choices == b[d].n_choices && a[d].gold[0] == b[d].gold[0]);
            assert_string_equal(a[d].choices[0].text, b[d].choices[0].text);
        }
        task_free(plain);
        task_free(other);
    }
}

/* ---- lighteval's rules ---- */

/* "10 A|1 B|" of numbers, as the prompts of fixtures/tasks/letters.lua have it. */
static char *examples_of(const json_t *golds, const json_t *drawn) {
    struct strbuf b = { 0 };
    size_t i;
    json_t *number;
    json_array_foreach(drawn, i, number) {
        json_int_t n = json_integer_value(number);
        strbuf_addf(&b, "%lld %s|", n, json_string_value(json_array_get(golds, (size_t)n)));
    }
    return strbuf_take(&b);
}

static void compare_draws(const json_t *golds, const json_t *draws) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    long long seed = json_get_int(draws, "seed", -1);
    q.name = TASK_FIXTURES "/letters.lua";
    q.profile = "lighteval";
    q.tasks_dir = TASKS_DIR;
    q.shots = (int)json_get_int(draws, "shots", 0);
    q.seed = seed ? seed : -1; /* 0 is the rules' own */
    struct task *t = task_load(&q, &err);
    if (!t) {
        fail_msg("%s", err.msg);
    }
    size_t n;
    const struct task_doc *docs = task_docs(t, &n);
    assert_int_equal(task_info(t)->seed, seed);
    assert_int_equal(n, json_array_size(golds));
    for (size_t i = 0; i < n; i++) {
        char *want = examples_of(golds, json_array_get(json_object_get(draws, "draws"), i));
        if (strncmp(docs[i].contexts[0], want, strlen(want)) ||
            strchr(docs[i].contexts[0] + strlen(want), '|')) {
            fail_msg("seed %lld, %d shots, document %zu: '%s', lighteval has '%s'", seed, q.shots,
                i, docs[i].contexts[0], want);
        }
        free(want);
    }
    task_free(t);
}

static void lighteval_draws_by_label_and_for_all_alike(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *recorded = json_parse_file(TASK_FIXTURES "/lighteval/draws.json", 1 << 20, &err);
    assert_non_null(recorded);
    size_t i;
    json_t *draws;
    json_array_foreach(json_object_get(recorded, "draws"), i, draws) {
        compare_draws(json_object_get(recorded, "golds"), draws);
    }
    assert_true(i > 10);
    json_decref(recorded);
}

/* ---- refusals ---- */

static void refused(const char *name, const char *profile, const char *what) {
    struct err err = ERR_INIT;
    assert_null(try_load(name, profile, &err));
    if (!strstr(err.msg, what)) {
        fail_msg("%s under %s: '%s' doesn't say '%s'", name, profile, err.msg, what);
    }
}

static void what_a_task_lacks_is_said(void **state) {
    (void)state;
    refused(LISTED, "lm-eval/0.4.13+wording3", "has 2 other wordings: there is no wording3");
    refused(TASK_FIXTURES "/quiz.lua", "lm-eval/0.4.13+order1", "has no `reorder`");
    refused(TASK_FIXTURES "/quiz.lua", "lm-eval/0.4.13+wording1", "has 0 other wordings");
    refused(TASK_FIXTURES "/quiz.lua", "lm-eval/0.4.99", "unknown profile");
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_a_rule_set_and_what_was_varied),
        cmocka_unit_test(another_order_is_the_same_question_with_the_same_answer),
        cmocka_unit_test(examples_stay_and_each_number_is_one_order),
        cmocka_unit_test(a_wording_is_of_questions_and_examples),
        cmocka_unit_test(the_librarys_wordings_ask_the_same),
        cmocka_unit_test(lighteval_draws_by_label_and_for_all_alike),
        cmocka_unit_test(what_a_task_lacks_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
