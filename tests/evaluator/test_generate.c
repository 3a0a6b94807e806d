/* Tasks that generate: what lm-evaluation-harness asks of the same rows, what its filters and
 * metrics make of hostile texts, and the way from prompts to scores with a subject that is made up.
 */
#include "recorded.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/metric/answer.h"
#include "evaluator/metric/minerva.h"

#define WRITTEN TASK_FIXTURES "/written"
#define LATEX ASSAY_TESTS_DIR "/fixtures/answers/latex.json"
#define FROZEN ASSAY_TESTS_DIR "/fixtures/answers/frozen.json"
#define FORMULAS ASSAY_TESTS_DIR "/fixtures/answers/formulas.json"
#define MINERVA ASSAY_TESTS_DIR "/fixtures/answers/minerva.json"
#define ANSWERS ASSAY_TESTS_DIR "/fixtures/answers/vectors.json"

static json_t *read_json(const char *path) {
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    assert_true(file_read(path, 64 << 20, &text, &err));
    json_t *json = json_parse(strbuf_str(&text), text.len, path, &err);
    assert_non_null(json);
    strbuf_release(&text);
    return json;
}

/* ---- filters and metrics, against those of the peer ---- */

static const char **texts_of(const json_t *list, size_t *n) {
    *n = json_array_size(list);
    const char **texts = xcalloc(*n + 1, sizeof *texts);
    for (size_t i = 0; i < *n; i++) {
        texts[i] = json_string_value(json_array_get(list, i));
    }
    return texts;
}

static struct answer_rules *rules_new(const json_t *json) {
    struct err err = ERR_INIT;
    struct answer_rules *rules = answer_rules_new(json, &err);
    if (!rules) {
        fail_msg("%s", err.msg);
    }
    return rules;
}

static void compare_answer(struct answer_rules *rules, const json_t *steps, const json_t *one) {
    size_t n, n_choices;
    bool unparsed;
    const char **texts = texts_of(json_array_get(one, 0), &n),
               *want = json_string_value(json_array_get(one, 1)),
               **choices = texts_of(json_array_get(one, 2), &n_choices);
    struct answer_given given = { texts, n, choices, n_choices };
    char *got = answer_filtered(rules, 0, &given, &unparsed);
    if (strcmp(got, want)) {
        char *of = json_dumps(steps, 0);
        fail_msg("%s of '%s' gives '%s', the harness has '%s'", of, texts[0], got, want);
    }
    free(got);
    free(texts);
    free(choices);
}

static void filters_give_what_the_harness_s_give(void **state) {
    json_t *all = read_json(ANSWERS), *filter, *one;
    size_t i, k, least = SIZE_MAX;
    (void)state;
    json_array_foreach(json_object_get(all, "filters"), i, filter) {
        json_t *steps = json_object_get(filter, "steps"), *cases = json_object_get(filter, "cases");
        json_t *json = json_pack("{s:[{s:s, s:O}]}", "filters", "name", "f", "steps", steps);
        struct answer_rules *rules = rules_new(json);
        json_array_foreach(cases, k, one) compare_answer(rules, steps, one);
        least = json_array_size(cases) < least ? json_array_size(cases) : least;
        answer_rules_free(rules);
        json_decref(json);
    }
    assert_true(i >= 25 && least >= 30);
    json_decref(all);
}

static void exact_match_is_the_harness_s(void **state) {
    json_t *all = read_json(ANSWERS), *group, *one;
    size_t i, k;
    (void)state;
    json_array_foreach(json_object_get(all, "exact"), i, group) {
        json_t *ignore = json_object_get(group, "ignore");
        json_t *json = json_pack("{s:O}", "ignore", ignore);
        struct answer_rules *rules = rules_new(json);
        json_array_foreach(json_object_get(group, "cases"), k, one) {
            size_t n;
            const char *answer = json_string_value(json_array_get(one, 0)),
                       **right = texts_of(json_array_get(one, 1), &n);
            if (answer_exact(rules, answer, right, n) !=
                json_number_value(json_array_get(one, 2))) {
                fail_msg("ignoring %s: '%s' against '%s'", json_dumps(ignore, 0), answer, right[0]);
            }
            free(right);
        }
        assert_true(k >= 30);
        answer_rules_free(rules);
        json_decref(json);
    }
    assert_int_equal(i, 7);
    json_decref(all);
}

static void drop_s_overlap_is_the_harness_s(void **state) {
    json_t *all = read_json(ANSWERS), *one, *right;
    json_t *none = json_object();
    struct answer_rules *rules = rules_new(none);
    size_t i, k;
    (void)state;
    json_array_foreach(json_object_get(all, "drop"), i, one) {
        double em = 0, f1 = 0;
        const char *answer = json_string_value(json_array_get(one, 0));
        json_array_foreach(json_array_get(one, 1), k, right) {
            size_t n;
            const char **spans = texts_of(right, &n);
            if (spans[0][strspn(spans[0], " \t\r\n\f\v")]) { /* else it counts for nothing */
                struct answer_overlap o = answer_overlap(rules, answer, spans, n);
                em = fmax(em, o.em);
                f1 = fmax(f1, o.f1);
            }
            free(spans);
        }
        if (em != json_number_value(json_array_get(one, 2)) ||
            f1 != json_number_value(json_array_get(one, 3))) {
            fail_msg("'%s': em %g, f1 %g, the harness has %s", answer, em, f1, json_dumps(one, 0));
        }
    }
    assert_true(i > 200);
    answer_rules_free(rules);
    json_decref(none);
    json_decref(all);
}

/* What was said, a sign for each text of a row and each that may be right: 1 where it is. */
static void latex_is_compared_as_the_harness_compares_it(void **state) {
    struct err err = ERR_INIT;
    json_t *all = json_parse_file(LATEX, 64 << 20, &err);
    json_t *rules_json = json_pack("{s:[{s:s, s:[{s:s}]}], s:{s:b}}", "filters", "name", "none",
        "steps", "step", "between_dollars", "ignore", "latex", 1);
    const json_t *texts = json_object_get(all, "texts"), *rows = json_object_get(all, "rows");
    struct answer_rules *rules = rules_new(rules_json);
    size_t n = json_array_size(texts), right = 0;
    (void)state;
    assert_true(n >= 100 && json_array_size(rows) == n);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(texts, i)),
                   *said = json_string_value(json_array_get(rows, i));
        bool unparsed;
        char *answer =
            answer_filtered(rules, 0, &(struct answer_given) { .texts = &text, .n = 1 }, &unparsed);
        for (size_t k = 0; k < n; k++) {
            const char *gold = json_string_value(json_array_get(texts, k));
            double got = answer_exact(rules, answer, &gold, 1);
            if (got != said[k] - '0') {
                fail_msg("'%s' for '%s': %g, the harness has %c", text, gold, got, said[k]);
            }
            right += got == 1;
        }
        free(answer);
    }
    assert_true(right > n);
    answer_rules_free(rules);
    json_decref(rules_json);
    json_decref(all);
}

/* How many pairs are told apart or to be the same; a million more for each that is told wrongly. */
static size_t compare_formulas(const json_t *all, size_t *left_open) {
    const json_t *normal = json_object_get(all, "normal"), *same = json_object_get(all, "same");
    size_t told = 0;
    for (size_t i = 0; i < json_array_size(normal); i++) {
        const char *one = json_string_value(json_array_get(normal, i)),
                   *said = json_string_value(json_array_get(same, i));
        for (size_t k = 0; k <= i; k++) {
            const char *other = json_string_value(json_array_get(normal, k));
            if (said[k] == '-') {
                continue;
            }
            enum formula_verdict verdict = formula_compare(one, other);
            if (verdict != formula_compare(other, one)) {
                fail_msg("'%s' and '%s' are not the same the other way round", one, other);
            }
            if (verdict != FORMULA_UNKNOWN && (verdict == FORMULA_SAME) != (said[k] == '1')) {
                print_error("'%s' and '%s': the harness has %c\n", one, other, said[k]);
                told += 1000000;
            }
            told += verdict != FORMULA_UNKNOWN;
            *left_open += verdict == FORMULA_UNKNOWN;
        }
    }
    return told;
}

/* As the leaderboard has them for good. */
static void compare_frozen(const json_t *answers) {
    struct err err = ERR_INIT;
    json_t *want = json_parse_file(FROZEN, 64 << 20, &err), *one;
    struct minerva *m = minerva_new(true, &err);
    size_t i;
    json_array_foreach(answers, i, one) {
        char *got = minerva_normal(m, json_string_value(one));
        assert_string_equal(got, json_string_value(json_array_get(want, i)));
        free(got);
    }
    assert_int_equal(minerva_compare(m, "", " "), FORMULA_SAME);
    minerva_free(m);
    json_decref(want);
}

static void formulas_are_told_apart_as_the_harness_tells_them(void **state) {
    struct err err = ERR_INIT;
    json_t *all = json_parse_file(MINERVA, 64 << 20, &err), *one;
    struct minerva *m = minerva_new(false, &err);
    size_t i, left_open = 0;
    (void)state;
    json_array_foreach(json_object_get(all, "texts"), i, one) {
        const char *want = json_string_value(json_array_get(one, 1));
        char *got = minerva_answer(m, json_string_value(json_array_get(one, 0)));
        assert_string_equal(got ? got : "[invalidanswer]", want);
        free(got);
    }
    assert_true(i >= 30);
    json_array_foreach(json_object_get(all, "answers"), i, one) {
        char *got = minerva_normal(m, json_string_value(one));
        assert_string_equal(
            got, json_string_value(json_array_get(json_object_get(all, "normal"), i)));
        free(got);
    }
    compare_frozen(json_object_get(all, "answers"));
    size_t told = compare_formulas(all, &left_open);
    printf("told: %zu, left open: %zu\n", told, left_open);
    assert_true(told < 1000000 && left_open < 20);
    minerva_free(m);
    json_decref(all);
}

/* Where sympy reads less or more than is written. */
static void formulas_are_read_as_far_as_the_harness_reads_them(void **state) {
    json_t *all = read_json(FORMULAS);
    size_t left_open = 0, told = compare_formulas(all, &left_open);
    (void)state;
    printf("told: %zu, left open: %zu\n", told, left_open);
    assert_true(told < 1000000 && told > 20000);
    json_decref(all);
}

static void a_rule_that_cannot_be_had_is_refused(void **state) {
    static const char *const BAD[] = { "(", "a)", "[b", "*", "a**", "a{3,2}", "(?<x>a)", "\\1",
        "(?P=n)", "(?>a)", "a++", "(?i", "a(?i)b", "(?=(a))", "\\q", "\\x1", "[z-a]", "a{2000}",
        "((a{200}){200}){200}", "\\" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        json_t *json = json_pack("{s:[{s:s, s:[{s:s, s:s}]}]}", "filters", "name", "f", "steps",
            "step", "regex", "pattern", BAD[i]);
        struct answer_rules *rules = answer_rules_new(json, &err);
        if (rules) {
            fail_msg("'%s' is taken", BAD[i]);
        }
        assert_int_equal(err.class, ERR_TASK);
        json_decref(json);
    }
}

/* What would take a backtracking matcher longer than there is time. */
static void no_expression_runs_away(void **state) {
    enum { LONG = 20000 };
    json_t *json = json_pack("{s:[{s:s, s:[{s:s, s:s}]}]}", "filters", "name", "f", "steps", "step",
        "regex", "pattern", "(?=(?:a|aa)+b?)(?:a|aa|a?a)+b");
    (void)state;
    struct answer_rules *rules = rules_new(json);
    char *text = xcalloc(LONG + 1, 1);
    memset(text, 'a', LONG);
    bool unparsed;
    struct answer_given given = { (const char *const[]) { text }, 1, NULL, 0 };
    char *got = answer_filtered(rules, 0, &given, &unparsed);
    assert_string_equal(got, "[invalid]");
    assert_true(unparsed);
    free(got);
    free(text);
    answer_rules_free(rules);
    json_decref(json);
}

/* ---- prompts, against the peer's ---- */

/* ---- a subject that is made up ---- */

struct heard {
    struct strbuf prompts; /* one after the other, NUL between them */
    size_t n, n_stop;
    struct generate_options options;
    const char *const *says; /* by request; NULL: "" */
    size_t n_says;
};

static bool hears(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct heard *h = self;
    (void)run;
    (void)err;
    h->options = *options;
    for (size_t i = 0; i < n; i++) {
        struct generate_request *r = &requests[i];
        strbuf_add(&h->prompts, r->prompt, r->prompt_n);
        strbuf_addc(&h->prompts, '\0');
        r->text = xstrdup(h->n < h->n_says ? h->says[h->n] : "");
        r->stopped = h->n % 2 == 0;
        r->n_truncated = h->n == 1 ? 5 : 0;
        h->n_stop = r->n_stop;
        h->n++;
    }
    return true;
}

static bool as_json(void *self, const json_t *messages, struct strbuf *out, struct err *err) {
    (void)self;
    (void)err;
    char *text = json_dumps(messages, JSON_COMPACT | JSON_PRESERVE_ORDER);
    strbuf_adds(out, text);
    free(text);
    return true;
}

static struct subject subject_of(struct heard *h, const char *template) {
    return (struct subject) { .name = "org/made-up",
        .dtype = "f32",
        .device = "cpu",
        .backend = "cpu/none",
        .self = h,
        .generate = hears,
        .chat = strcmp(template, "none") ? as_json : NULL,
        .one_turn = !strcmp(template, "one-turn") };
}

static json_t *run_task(
    const struct task *t, struct heard *h, const char *template, struct strbuf *samples) {
    struct err err = ERR_INIT;
    struct subject subject = subject_of(h, template);
    json_t *result;
    if (!eval_run(t, &subject, NULL, &result, samples, &err)) {
        fail_msg("%s", err.msg);
    }
    return result;
}

static void same_prompt(const json_t *record, size_t doc, const char *got, const json_t *want) {
    char *text = json_is_string(want) ? xstrdup(json_string_value(want))
                                      : json_dumps(want, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (strcmp(got, text)) {
        fail_msg("%s, %lld shots, %s, document %zu\n'%s'\nthe harness has\n'%s'",
            json_get_string(record, "task", ""), json_get_int(record, "shots", 0),
            json_get_string(record, "template", ""), doc, got, text);
    }
    free(text);
}

static void same_answers(const struct task_doc *d, const json_t *want) {
    assert_int_equal(d->n_answers, json_array_size(want));
    for (size_t i = 0; i < d->n_answers; i++) {
        assert_int_equal(d->answers[i].n, json_array_size(json_array_get(want, i)));
        for (size_t k = 0; k < d->answers[i].n; k++) {
            assert_string_equal(d->answers[i].spans[k],
                json_string_value(json_array_get(json_array_get(want, i), k)));
        }
    }
}

static void compare_record(const json_t *record) {
    struct task *t = recorded_task(
        WRITTEN, json_get_string(record, "task", ""), (int)json_get_int(record, "asked_shots", -1));
    struct heard h = { 0 };
    const json_t *docs = json_object_get(record, "docs"), *doc;
    size_t n, i;
    const struct task_doc *ours = task_docs(t, &n);
    assert_int_equal(n, json_array_size(docs));
    assert_int_equal(task_info(t)->shots, json_get_int(record, "shots", -1));
    assert_int_equal(task_info(t)->version, (long long)json_get_number(record, "version", -1));
    assert_true(json_equal(
        json_object_get(task_info(t)->generation, "stop"), json_object_get(record, "stop")));
    json_decref(run_task(t, &h, json_get_string(record, "template", ""), NULL));
    assert_int_equal(h.options.max_tokens, json_get_int(record, "max_tokens", -1));
    const char *prompt = strbuf_str(&h.prompts);
    json_array_foreach(docs, i, doc) {
        same_prompt(record, i, prompt, json_object_get(doc, "prompt"));
        same_answers(&ours[i], json_object_get(doc, "right"));
        prompt += strlen(prompt) + 1;
    }
    strbuf_release(&h.prompts);
    task_free(t);
}

static void every_prompt_is_the_harness_s_own(void **state) {
    (void)state;
    assert_true(each_record(WRITTEN "/prompts.jsonl", compare_record) > 90);
}

static json_t *recorded;

static void note_name(const json_t *record) {
    json_object_set_new(recorded, json_get_string(record, "task", ""), json_true());
}

static void every_task_that_generates_is_recorded(void **state) {
    struct err err = ERR_INIT;
    json_t *list = task_list(TASKS_DIR, NULL, &err), *entry;
    size_t i, n = 0;
    (void)state;
    recorded = json_object();
    each_record(WRITTEN "/prompts.jsonl", note_name);
    json_array_foreach(list, i, entry) {
        if (!strncmp(json_get_string(entry, "file", ""), "generate/", 9)) {
            assert_non_null(json_object_get(recorded, json_get_string(entry, "name", "")));
            n++;
        }
    }
    assert_int_equal(n, json_object_size(recorded));
    json_decref(recorded);
    json_decref(list);
}

/* ---- from texts to scores ---- */

static double metric(const json_t *result, const char *name) {
    return json_get_number(json_object_get(json_object_get(result, "metrics"), name), "value", NAN);
}

static const char *const SAYS[] = { " It is 4.\n#### 4.\n", " seven, or 7", "#### zero", "1000" };

static void texts_become_scores(void **state) {
    struct task *t = recorded_task(WRITTEN, TASK_FIXTURES "/sums.lua", -1);
    struct heard h = { .says = SAYS, .n_says = 4 };
    struct strbuf samples = { 0 };
    json_t *r = run_task(t, &h, "none", &samples), *audit = json_object_get(r, "audit");
    (void)state;
    assert_string_equal(strbuf_str(&h.prompts),
        "Sums.\n\nQ: one and one\nA: It is 2.\n#### 2\n\nQ: six\nA: #### 6\n\nQ: two and two\nA:");
    assert_string_equal(json_get_string(r, "main", ""), "exact_match,strict");
    assert_true(metric(r, "exact_match,strict") == 0.25);
    assert_true(metric(r, "exact_match,flexible") == 0.75);
    assert_int_equal(json_get_int(audit, "truncated", -1), 1);
    assert_int_equal(json_get_int(audit, "unparsed", -1), 3);
    assert_int_equal(json_get_int(audit, "length", -1), 2);
    assert_int_equal(h.options.max_tokens, 20);
    assert_int_equal(h.n_stop, 2);
    assert_non_null(
        strstr(strbuf_str(&samples), "\"filtered\": {\"strict\": \"4.\", \"flexible\": \"4.\"}"));
    assert_non_null(strstr(strbuf_str(&samples), "\"finish\": \"length\""));
    assert_non_null(json_object_get(r, "scores"));
    json_decref(r);
    strbuf_release(&samples);
    strbuf_release(&h.prompts);
    task_free(t);
}

/* "Seven, or 8" begins with another choice; 4 is followed by another number. */
static void what_a_document_offers_is_found(void **state) {
    static const char *const SAID[] = { " It is 4.\n#### 5.\n", " Seven, or 8!", "(A) and (B)",
        ": B" };
    struct task *t = recorded_task(WRITTEN, TASK_FIXTURES "/offered.lua", -1);
    struct heard h = { .says = SAID, .n_says = 4 };
    struct strbuf samples = { 0 };
    json_t *r = run_task(t, &h, "none", &samples);
    (void)state;
    assert_true(metric(r, "exact_match,letter") == 0.5);
    assert_int_equal(json_get_int(json_object_get(r, "audit"), "unparsed", -1), 0);
    assert_non_null(
        strstr(strbuf_str(&samples), "\"choices\": [\"seven\", \" seven, or 8 \", \"It is 4.\"]"));
    assert_non_null(
        strstr(strbuf_str(&samples), "\"filtered\": {\"letter\": \"(C)\", \"number\": \"5\"}"));
    json_decref(r);
    strbuf_release(&samples);
    strbuf_release(&h.prompts);
    task_free(t);
}

/* Two are more like a right answer than like a wrong one. */
static void texts_are_held_against_right_and_wrong_ones(void **state) {
    static const char *const SAID[] = { "It is 4.", "seven, or 7", "four", "" };
    struct task *t = recorded_task(WRITTEN, TASK_FIXTURES "/likeness.lua", -1);
    struct heard h = { .says = SAID, .n_says = 4 };
    struct strbuf samples = { 0 };
    json_t *r = run_task(t, &h, "none", &samples);
    (void)state;
    assert_true(metric(r, "rouge1_acc") == 0.5);
    assert_true(metric(r, "rougeL_max") > 25 && metric(r, "rougeL_max") < 75);
    assert_true(metric(r, "bleu") > 0 && metric(r, "chrf++") > metric(r, "bleu"));
    assert_non_null(strstr(strbuf_str(&samples), "\"wrong\": [\"It is 5.\", \"seven, or 7\"]"));
    json_decref(r);
    strbuf_release(&samples);
    strbuf_release(&h.prompts);
    task_free(t);
}

/* The first follows one of three, the second none, the third loosely only, the last one of two. */
static void what_was_told_is_checked(void **state) {
    static const char *const DONE[] = { "one two three four, five\"", "Sure:\na***b***c\n***d***",
        "Here:\n{}", "<<t>>, x" };
    struct task *t = recorded_task(WRITTEN, TASK_FIXTURES "/told.lua", -1);
    struct heard h = { .says = DONE, .n_says = 4 };
    struct strbuf samples = { 0 };
    json_t *r = run_task(t, &h, "none", &samples);
    const json_t *inst = json_object_get(json_object_get(r, "metrics"), "inst_level_strict_acc");
    (void)state;
    assert_int_equal(h.n_stop, 0);
    assert_true(metric(r, "prompt_level_strict_acc") == 0);
    assert_true(metric(r, "inst_level_strict_acc") == 2 / 7.0);
    assert_true(metric(r, "prompt_level_loose_acc") == 0.25);
    assert_true(metric(r, "inst_level_loose_acc") == 3 / 7.0);
    assert_true(metric(r, "strict_acc") == 1 / 7.0);
    assert_true(json_is_null(json_object_get(inst, "stderr")));
    assert_non_null(strstr(strbuf_str(&samples), "\"inst_level_strict_acc\": 0.5"));
    json_decref(r);
    strbuf_release(&samples);
    strbuf_release(&h.prompts);
    task_free(t);
}

static void stored_texts_are_scored_again(void **state) {
    static const char *const TASKS[] = { TASK_FIXTURES "/sums.lua", TASK_FIXTURES "/drawn.lua",
        TASK_FIXTURES "/told.lua", TASK_FIXTURES "/offered.lua", TASK_FIXTURES "/likeness.lua" };
    (void)state;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++) {
        struct err err = ERR_INIT;
        struct task *t = recorded_task(WRITTEN, TASKS[i], -1);
        struct heard h = { .says = SAYS, .n_says = 4 };
        struct strbuf samples = { 0 }, again = { 0 };
        json_t *r = run_task(t, &h, "none", &samples), *now;
        if (!eval_rescore(r, samples.text, samples.len, &now, &again, &err)) {
            fail_msg("%s: %s", TASKS[i], err.msg);
        }
        assert_true(json_equal(json_object_get(now, "metrics"), json_object_get(r, "metrics")));
        assert_true(json_equal(json_object_get(now, "audit"), json_object_get(r, "audit")));
        assert_string_equal(strbuf_str(&again), strbuf_str(&samples));
        json_decref(now);
        json_decref(r);
        strbuf_release(&samples);
        strbuf_release(&again);
        strbuf_release(&h.prompts);
        task_free(t);
    }
}

/* Several texts of one prompt: those of a document lie together, and the vote is over them. */
static void several_texts_are_voted_on(void **state) {
    static const char *const DRAWN[] = { " 0 more", "X", "0 MORE ", "1,000.", "no", "1,000." };
    struct task *t = recorded_task(WRITTEN, TASK_FIXTURES "/drawn.lua", -1);
    struct heard h = { .says = DRAWN, .n_says = 6 };
    json_t *r = run_task(t, &h, "none", NULL);
    (void)state;
    assert_int_equal(h.n, 6);
    assert_true(h.options.temperature == 0.7);
    assert_int_equal(h.options.seed, task_info(t)->seed);
    assert_string_equal(strbuf_str(&h.prompts), "nothing at all");
    assert_string_equal(json_get_string(r, "main", ""), "f1,vote");
    assert_true(metric(r, "em,vote") == 0.5);
    assert_true(fabs(metric(r, "f1,vote") - (0.67 + 1) / 2) < 1e-12);
    json_decref(r);
    strbuf_release(&h.prompts);
    task_free(t);
}

/* ---- what is wrong with a task ---- */

static void expect_problem(const char *fields, const char *field, const char *message) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    char path[] = "/tmp/assay_generate_XXXXXX.lua";
    struct strbuf text = { 0 };
    json_t *problems;
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    strbuf_addf(&text,
        "return generate { name = 't', version = 1, data = file 'x.jsonl' {},\n"
        "doc = function(row) return row end,\n%s }\n",
        fields);
    assert_int_equal(write(fd, text.text, text.len), text.len);
    close(fd);
    q.name = path;
    q.tasks_dir = TASKS_DIR;
    assert_true(task_lint(&q, &problems, &err));
    const json_t *first = json_array_get(problems, 0);
    if (strcmp(json_get_string(first, "field", ""), field) ||
        !strstr(json_get_string(first, "message", ""), message)) {
        char *got = json_dumps(problems, 0);
        fail_msg("%s: %s", fields, got);
    }
    json_decref(problems);
    strbuf_release(&text);
    unlink(path);
}

static void a_wrong_task_is_said_to_be(void **state) {
    (void)state;
    expect_problem("max_token = 5", "max_token", "did you mean 'max_tokens'?");
    expect_problem("max_tokens = 0", "max_tokens", "is 1 to");
    expect_problem("filters = { a = { 'x' } }", "filters", "step 1 of filter 'a' is a string");
    expect_problem(
        "filters = { a = { regex '(' } }", "filters", "filter 'a': bad regular expression");
    expect_problem("filters = { a = { multi_choice_regex '(' } }", "filters",
        "filter 'a': bad regular expression");
    expect_problem("filters = { a = { map_regex({ { 'x', 'y' }, { '(', 'z' } }) } }", "filters",
        "filter 'a': bad regular expression");
    expect_problem("filters = { a = { number_regex('x', { ignore = { regexes = { '[' } } }) } }",
        "filters", "filter 'a': bad regular expression");
    expect_problem("filters = { a = {} }", "filters", "must be a list of steps");
    expect_problem("filters = { a = { take_first_k(3) } }", "filters", "'repeats' is 1");
    expect_problem("filters = { ['a,b'] = { take_first } }", "filters", "the name of a filter");
    expect_problem("ignore = { cases = true }", "ignore", "did you mean 'case'?");
    expect_problem("ignore = { case = 1 }", "ignore", "'case' must be a boolean");
    expect_problem("ignore = { regexes = { '[' } }", "ignore", "bad regular expression");
    expect_problem("main = 'exact_mach'", "main", "did you mean 'exact_match'?");
    expect_problem("filters = { a = { take_first } }, main = 'exact_match,b'", "main",
        "did you mean 'exact_match,a'?");
    expect_problem("stop = { '' }", "stop", "that are not empty");
    expect_problem("temperature = -1", "temperature", "is 0 to 100");
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_give_what_the_harness_s_give),
        cmocka_unit_test(exact_match_is_the_harness_s),
        cmocka_unit_test(drop_s_overlap_is_the_harness_s),
        cmocka_unit_test(latex_is_compared_as_the_harness_compares_it),
        cmocka_unit_test(formulas_are_told_apart_as_the_harness_tells_them),
        cmocka_unit_test(formulas_are_read_as_far_as_the_harness_reads_them),
        cmocka_unit_test(a_rule_that_cannot_be_had_is_refused),
        cmocka_unit_test(no_expression_runs_away),
        cmocka_unit_test(every_prompt_is_the_harness_s_own),
        cmocka_unit_test(every_task_that_generates_is_recorded),
        cmocka_unit_test(texts_become_scores),
        cmocka_unit_test(what_a_document_offers_is_found),
        cmocka_unit_test(texts_are_held_against_right_and_wrong_ones),
        cmocka_unit_test(what_was_told_is_checked),
        cmocka_unit_test(stored_texts_are_scored_again),
        cmocka_unit_test(several_texts_are_voted_on),
        cmocka_unit_test(a_wrong_task_is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
