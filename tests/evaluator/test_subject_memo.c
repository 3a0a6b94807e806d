/* A subject that remembers, before a fake one that counts what it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/memo.h"

/* ---- the fake ---- */

struct fake {
    unsigned n_asked;    /* requests that came this far */
    unsigned stop_after; /* answers, then it stops; 0: never */
    const char *refuses; /* a text that it has an error for */
    bool plan_only;
};

static bool answered(const struct run_options *run, size_t i, struct err *err) {
    return !run->answered || run->answered(i, run->answered_arg) ||
           err_set(err, ERR_INTERRUPTED, "stopped");
}

static bool fake_score(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct fake *f = self;
    f->plan_only = run->plan_only;
    for (size_t i = 0; i < n; i++) {
        struct score_request *r = &requests[i];
        f->n_asked++;
        r->n_asked = r->context_n;
        r->err = (struct err)ERR_INIT;
        if (run->plan_only) {
            continue;
        }
        for (size_t c = 0; c < r->n_choices; c++) {
            r->choices[c].loglikelihood =
                -(double)r->context_n - 0.1 * (double)r->choices[c].text_n - (profile ? 100 : 0);
            r->choices[c].greedy = c == 1;
            r->choices[c].n_tokens = (uint32_t)r->choices[c].text_n;
        }
        r->n_truncated = 7;
        if (f->refuses && !strcmp(r->context, f->refuses)) {
            err_set(&r->err, ERR_INPUT, "no");
        } else if (!answered(run, i, err)) {
            return false;
        }
        if (f->stop_after && i + 1 == f->stop_after) {
            return err_set(err, ERR_INTERRUPTED, "stopped");
        }
    }
    run->stats->items += n;
    return true;
}

/* Writes each prompt backwards. */
static bool fake_generate(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct fake *f = self;
    f->plan_only = run->plan_only;
    for (size_t i = 0; i < n; i++) {
        struct generate_request *r = &requests[i];
        f->n_asked++;
        r->err = (struct err)ERR_INIT;
        r->n_asked = r->prompt_n + options->max_tokens;
        if (run->plan_only) {
            continue;
        }
        r->text = xcalloc(r->prompt_n + 1, 1);
        for (size_t k = 0; k < r->prompt_n; k++) {
            r->text[k] = r->prompt[r->prompt_n - 1 - k];
        }
        r->stopped = r->prompt_n % 2;
        r->n_truncated = 2;
        if (!answered(run, i, err)) {
            return false;
        }
        if (f->stop_after && i + 1 == f->stop_after) {
            return err_set(err, ERR_INTERRUPTED, "stopped");
        }
    }
    run->stats->items += n;
    return true;
}

static bool fake_embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct fake *f = self;
    (void)prompt;
    for (size_t i = 0; i < n; i++) {
        f->n_asked++;
        requests[i].n_asked = 3;
        requests[i].truncated = requests[i].text_n > 4;
        if (run->plan_only) {
            continue;
        }
        vectors[2 * i] = (float)requests[i].text_n;
        vectors[2 * i + 1] = (float)role;
        if (!answered(run, i, err)) {
            return false;
        }
    }
    run->stats->items += n;
    return true;
}

/* The fake lives as long as its subject. */
static struct subject *remembering(
    struct fake **f, struct memo *memo, const char *identity, bool plan) {
    struct subject *inner = xcalloc(1, sizeof *inner);
    *f = xcalloc(1, sizeof **f);
    *inner = (struct subject) { .name = xstrdup("fake"),
        .self = *f,
        .embed = fake_embed,
        .score = fake_score,
        .generate = fake_generate,
        .width = 2 };
    return subject_memo_new(
        inner, &(struct subject_memo_options) {
                   .vectors = memo, .answers = memo, .identity = identity, .plan = plan });
}

static struct memo *memory_only(void) {
    return memo_open(&(struct memo_options) { .fd = -1 });
}

/* ---- asking ---- */

enum { N = 4, CHOICES = 2 };

struct sheet {
    struct score_request requests[N];
    struct score_choice choices[N][CHOICES];
    struct run_stats stats;
};

static void sheet_make(struct sheet *s, const char *const contexts[N]) {
    *s = (struct sheet) { 0 };
    for (int i = 0; i < N; i++) {
        s->choices[i][0] = (struct score_choice) { .text = " yes", .text_n = 4 };
        s->choices[i][1] = (struct score_choice) { .text = " no", .text_n = 3 };
        s->requests[i] = (struct score_request) { .context = contexts[i],
            .context_n = strlen(contexts[i]),
            .choices = s->choices[i],
            .n_choices = CHOICES };
    }
}

static bool ask(struct subject *s, const char *profile, struct sheet *sheet, struct err *err) {
    return s->score(s->self, profile, sheet->requests, N,
        &(struct run_options) { .stats = &sheet->stats }, err);
}

static void same_answers(const struct sheet *a, const struct sheet *b) {
    for (int i = 0; i < N; i++) {
        assert_int_equal(a->requests[i].n_truncated, b->requests[i].n_truncated);
        assert_int_equal(a->requests[i].n_asked, b->requests[i].n_asked);
        assert_int_equal(a->requests[i].err.class, b->requests[i].err.class);
        for (int c = 0; c < CHOICES; c++) {
            assert_true(a->choices[i][c].loglikelihood == b->choices[i][c].loglikelihood);
            assert_int_equal(a->choices[i][c].greedy, b->choices[i][c].greedy);
            assert_int_equal(a->choices[i][c].n_tokens, b->choices[i][c].n_tokens);
        }
    }
}

static const char *const FIRST[N] = { "one", "two and", "three", "four" };

/* ---- the tests ---- */

static void what_was_answered_is_not_asked_again(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct sheet first, again, more;
    static const char *const MORE[N] = { "five", "two and", "six of them", "one" };
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false);
    (void)state;
    sheet_make(&first, FIRST);
    sheet_make(&again, FIRST);
    sheet_make(&more, MORE);
    assert_true(ask(s, NULL, &first, &err));
    assert_int_equal(f->n_asked, N);
    assert_true(ask(s, NULL, &again, &err));
    assert_int_equal(f->n_asked, N);
    same_answers(&first, &again);
    assert_int_equal(again.stats.items, N);
    assert_int_equal(again.stats.tokens_asked, 3 + 7 + 5 + 4);
    assert_int_equal(subject_memo_reused(s), N);
    assert_true(ask(s, NULL, &more, &err));
    assert_int_equal(f->n_asked, N + 2);
    assert_true(more.choices[1][0].loglikelihood == first.choices[1][0].loglikelihood);
    assert_true(more.choices[3][1].loglikelihood == first.choices[0][1].loglikelihood);
    assert_true(more.choices[2][1].loglikelihood == -11 - 0.1 * 3);
    subject_free(s);
    memo_close(memo);
}

static void generate_sheet(struct generate_request r[N], const char *const prompts[N]) {
    static const char *const STOP[] = { "." };
    for (int i = 0; i < N; i++) {
        r[i] = (struct generate_request) {
            .prompt = prompts[i], .prompt_n = strlen(prompts[i]), .stop = STOP, .n_stop = 1
        };
    }
}

static bool write_on(struct subject *s, const struct generate_options *o,
    struct generate_request r[N], struct err *err) {
    struct run_stats stats = { 0 };
    return s->generate(s->self, o, r, N, &(struct run_options) { .stats = &stats }, err);
}

static void release_texts(struct generate_request r[N]) {
    for (int i = 0; i < N; i++) {
        free(r[i].text);
        r[i].text = NULL;
    }
}

static void what_was_written_is_not_written_again(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct generate_request r[N];
    struct generate_options o = { .max_tokens = 9, .seed = 1 };
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false);
    (void)state;
    f->stop_after = 2;
    generate_sheet(r, FIRST);
    assert_false(write_on(s, &o, r, &err));
    release_texts(r);
    f->stop_after = 0;
    assert_true(write_on(s, &o, r, &err));
    assert_int_equal(f->n_asked, 2 + N - 2);
    assert_string_equal(r[0].text, "eno");
    assert_string_equal(r[3].text, "ruof");
    assert_true(r[0].stopped && !r[3].stopped && r[0].n_truncated == 2 && r[0].n_asked == 12);
    release_texts(r);
    o.seed = 2; /* without a temperature nothing is drawn */
    assert_true(write_on(s, &o, r, &err));
    assert_int_equal(f->n_asked, N);
    release_texts(r);
    o.temperature = 1;
    assert_true(write_on(s, &o, r, &err));
    assert_int_equal(f->n_asked, 2 * N);
    release_texts(r);
    r[1].draw = 1;
    o.temperature = 1;
    assert_true(write_on(s, &o, r, &err));
    assert_int_equal(f->n_asked, 2 * N + 1);
    release_texts(r);
    o.max_tokens = 8;
    assert_true(write_on(s, &o, r, &err));
    assert_int_equal(f->n_asked, 3 * N + 1);
    release_texts(r);
    subject_free(s);
    memo_close(memo);
}

static void another_profile_choice_or_identity_is_another_question(void **state) {
    struct fake *f, *g;
    struct err err = ERR_INIT;
    struct sheet sheet;
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false), *t = remembering(&g, memo, "n", false);
    (void)state;
    sheet_make(&sheet, FIRST);
    assert_true(ask(s, NULL, &sheet, &err) && ask(s, "other", &sheet, &err));
    assert_int_equal(f->n_asked, 2 * N);
    assert_true(sheet.choices[0][0].loglikelihood < -100);
    sheet.choices[2][1].text = " nu";
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(f->n_asked, 2 * N + 1);
    sheet.requests[3].n_choices = 1;
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(f->n_asked, 2 * N + 2);
    assert_true(ask(t, NULL, &sheet, &err));
    assert_int_equal(g->n_asked, N);
    subject_free(s);
    subject_free(t);
    memo_close(memo);
}

static void an_interrupted_run_is_gone_on_with(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct sheet sheet, whole;
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false);
    (void)state;
    f->stop_after = 3;
    sheet_make(&sheet, FIRST);
    assert_false(ask(s, NULL, &sheet, &err));
    assert_int_equal(err.class, ERR_INTERRUPTED);
    f->stop_after = 0;
    f->n_asked = 0;
    sheet_make(&sheet, FIRST);
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(f->n_asked, 1);
    struct fake *g;
    struct subject *fresh = remembering(&g, NULL, "m", false);
    sheet_make(&whole, FIRST);
    assert_true(ask(fresh, NULL, &whole, &err));
    same_answers(&sheet, &whole);
    subject_free(s);
    subject_free(fresh);
    memo_close(memo);
}

static void errors_are_passed_on_and_not_remembered(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct sheet sheet;
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false);
    (void)state;
    f->refuses = "three";
    sheet_make(&sheet, FIRST);
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(sheet.requests[2].err.class, ERR_INPUT);
    assert_int_equal(sheet.requests[1].err.class, ERR_NONE);
    f->n_asked = 0;
    f->refuses = NULL;
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(f->n_asked, 1);
    assert_int_equal(sheet.requests[2].err.class, ERR_NONE);
    subject_free(s);
    memo_close(memo);
}

static void an_equal_text_is_embedded_once_and_per_role(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct run_stats stats = { 0 };
    struct run_options run = { .stats = &stats };
    struct embed_request r[2] = { { .text = "abc", .text_n = 3 },
        { .text = "abcde", .text_n = 5 } };
    float v[4] = { 0 }, w[4] = { 0 };
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", false);
    (void)state;
    assert_true(s->embed(s->self, SUBJECT_QUERY, NULL, r, 2, v, &run, &err));
    assert_int_equal(f->n_asked, 2);
    r[1].truncated = false;
    assert_true(s->embed(s->self, SUBJECT_QUERY, NULL, r, 2, w, &run, &err));
    assert_int_equal(f->n_asked, 2);
    assert_memory_equal(v, w, sizeof v);
    assert_true(r[1].truncated && !r[0].truncated);
    assert_true(s->embed(s->self, SUBJECT_PASSAGE, NULL, r, 2, w, &run, &err));
    assert_int_equal(f->n_asked, 4);
    assert_true(w[1] == SUBJECT_PASSAGE);
    subject_free(s);
    memo_close(memo);
}

static void a_plan_counts_each_question_once_and_answers_none(void **state) {
    struct fake *f;
    struct err err = ERR_INIT;
    struct sheet sheet;
    struct run_stats stats = { 0 };
    struct embed_request r = { .text = "abc", .text_n = 3 };
    float v[2] = { 0 };
    struct memo *memo = memory_only();
    struct subject *s = remembering(&f, memo, "m", true);
    (void)state;
    sheet_make(&sheet, FIRST);
    assert_true(ask(s, NULL, &sheet, &err));
    assert_true(f->plan_only);
    assert_true(ask(s, NULL, &sheet, &err));
    assert_int_equal(f->n_asked, N);
    assert_int_equal(subject_memo_reused(s), N);
    assert_int_equal(sheet.stats.tokens_asked, 3 + 7 + 5 + 4); /* the fake counts none itself */
    assert_true(s->embed(
        s->self, SUBJECT_TEXT, NULL, &r, 1, v, &(struct run_options) { .stats = &stats }, &err));
    assert_true(v[0] == v[1] && v[0] > 0); /* a vector that can be compared */
    subject_free(s);
    memo_close(memo);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_is_not_asked_again),
        cmocka_unit_test(what_was_written_is_not_written_again),
        cmocka_unit_test(another_profile_choice_or_identity_is_another_question),
        cmocka_unit_test(an_interrupted_run_is_gone_on_with),
        cmocka_unit_test(errors_are_passed_on_and_not_remembered),
        cmocka_unit_test(an_equal_text_is_embedded_once_and_per_role),
        cmocka_unit_test(a_plan_counts_each_question_once_and_answers_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
