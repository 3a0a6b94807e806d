/* Tasks asked through a model's chat template: the conversations are those that
 * lm-evaluation-harness makes of the same rows, and what five families of templates make of them
 * are its prompts, byte for byte. Recorded by the record.py of fixtures/tasks/peer, written and
 * chat. */
#include "recorded.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/eval/eval.h"

#define PEER TASK_FIXTURES "/peer"
#define FAMILIES ASSAY_TESTS_DIR "/fixtures/templates/families"

/* What is asked: every context and, where something is scored, what follows it; a NUL ends each. */
struct heard {
    struct strbuf contexts, choices;
    struct chat_template *template; /* NULL: conversations as JSON */
};

static bool scores(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct heard *h = self;
    (void)profile;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        strbuf_add(&h->contexts, requests[i].context, requests[i].context_n);
        strbuf_addc(&h->contexts, '\0');
        for (size_t c = 0; c < requests[i].n_choices; c++) {
            struct score_choice *choice = &requests[i].choices[c];
            strbuf_add(&h->choices, choice->text, choice->text_n);
            strbuf_addc(&h->choices, '\0');
            choice->loglikelihood = -1;
            choice->n_tokens = 1;
        }
    }
    return true;
}

static bool generates(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct heard *h = self;
    (void)options;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        strbuf_add(&h->contexts, requests[i].prompt, requests[i].prompt_n);
        strbuf_addc(&h->contexts, '\0');
        requests[i].text = xstrdup("");
        requests[i].stopped = true;
    }
    return true;
}

static bool chats(void *self, const json_t *messages, struct strbuf *out, struct err *err) {
    struct heard *h = self;
    if (!h->template) {
        char *text = json_dumps(messages, JSON_COMPACT | JSON_PRESERVE_ORDER);
        strbuf_adds(out, text);
        free(text);
        return true;
    }
    json_t *request = json_pack("{s:O, s:b, s:s, s:s}", "messages", messages,
        "add_generation_prompt", 1, "bos_token", "<s>", "eos_token", "</s>");
    bool ok = chat_template_render(h->template, request, 0, out, err);
    json_decref(request);
    return ok;
}

static struct subject subject_of(struct heard *h, bool one_turn) {
    return (struct subject) { .name = "org/made-up",
        .dtype = "f32",
        .device = "cpu",
        .backend = "cpu/none",
        .self = h,
        .score = scores,
        .generate = generates,
        .chat = chats,
        .one_turn = one_turn };
}

/* Asks these documents of a task. */
static bool ask(const struct task *t, struct heard *h, const json_t *record, const json_t *places,
    struct err *err) {
    struct subject subject =
        subject_of(h, !strcmp(json_get_string(record, "template", ""), "one-turn"));
    struct strbuf samples = { 0 };
    struct eval_part part = { .n = json_array_size(places) };
    size_t *docs = xcalloc(part.n + 1, sizeof *docs);
    for (size_t i = 0; i < part.n; i++) {
        docs[i] = (size_t)json_integer_value(json_array_get(places, i));
    }
    part.docs = docs;
    bool ok = eval_part(t, &subject, &part, NULL, &samples, err);
    strbuf_release(&samples);
    free(docs);
    return ok;
}

static json_t *evaluate(
    const struct task *t, struct heard *h, bool one_turn, struct strbuf *samples, struct err *err) {
    struct subject subject = subject_of(h, one_turn);
    json_t *result;
    return eval_run(t, &subject, NULL, &result, samples, err) ? result : NULL;
}

static void heard_release(struct heard *h) {
    strbuf_release(&h->contexts);
    strbuf_release(&h->choices);
    chat_template_close(h->template);
}

/* ---- conversations ---- */

/* The next of several texts, each of which a NUL ends. */
static const char *take(const char **at) {
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static void same(const json_t *record, size_t doc, const char *got, const char *want) {
    if (strcmp(got, want)) {
        fail_msg("%s, %lld shots, %s, document %zu\n'%s'\nthe harness has\n'%s'",
            json_get_string(record, "task", ""), json_get_int(record, "shots", 0),
            json_get_string(record, "template", ""), doc, got, want);
    }
}

/* A choice of no characters can't be scored: these documents are left out. */
static json_t *places_of(const json_t *docs) {
    json_t *places = json_array(), *doc, *pair;
    size_t i, k;
    json_array_foreach((json_t *)(uintptr_t)docs, i, doc) {
        bool empty = false;
        json_array_foreach(json_object_get(doc, "asked"), k, pair) {
            empty = empty || !*json_string_value(json_array_get(pair, 1));
        }
        if (!empty) {
            json_array_append_new(places, json_integer((json_int_t)i));
        }
    }
    assert_true(json_array_size(places) > 0);
    return places;
}

/* What is asked of a document comes context by context, as the harness lists it too. */
static void compare_conversations(const json_t *record) {
    struct err err = ERR_INIT;
    struct heard h = { 0 };
    struct task *t = recorded_task(
        PEER, json_get_string(record, "task", ""), (int)json_get_int(record, "asked_shots", -1));
    json_t *places = places_of(json_object_get(record, "docs"));
    assert_true(ask(t, &h, record, places, &err));
    const char *context = strbuf_str(&h.contexts), *choice = strbuf_str(&h.choices);
    json_t *place, *messages, *pair;
    size_t i, k;
    json_array_foreach(places, i, place) {
        const json_t *doc =
            json_array_get(json_object_get(record, "docs"), (size_t)json_integer_value(place));
        json_array_foreach(json_object_get(doc, "contexts"), k, messages) {
            char *text = json_dumps(messages, JSON_COMPACT | JSON_PRESERVE_ORDER);
            same(record, i, take(&context), text);
            free(text);
        }
        json_array_foreach(json_object_get(doc, "asked"), k, pair) {
            same(record, i, take(&choice), json_string_value(json_array_get(pair, 1)));
        }
    }
    assert_ptr_equal(context, strbuf_str(&h.contexts) + h.contexts.len);
    assert_ptr_equal(choice, strbuf_str(&h.choices) + h.choices.len);
    json_decref(places);
    heard_release(&h);
    task_free(t);
}

static void conversations_are_the_harness_s_own(void **state) {
    (void)state;
    assert_true(each_record(PEER "/chat.jsonl", compare_conversations) >= 36);
}

/* ---- prompts ---- */

static size_t n_refused;

static void compare_family(
    const json_t *record, struct task *t, const char *family, const char *want) {
    struct err err = ERR_INIT;
    struct heard h = { 0 };
    char path[512], got[65];
    snprintf(path, sizeof path, FAMILIES "/%s.jinja", family);
    h.template = chat_template_open(path, &err);
    assert_non_null(h.template);
    bool ok = ask(t, &h, record, json_object_get(record, "docs"), &err);
    sha256_hex(strbuf_str(&h.contexts), h.contexts.len, got);
    if (!want) {
        assert_false(ok);
        assert_int_equal(err.class, ERR_INPUT);
        n_refused++;
    } else if (!ok || strcmp(got, want)) {
        fail_msg("%s, %lld shots, %s, by the template %s (%s:%lld): the prompts are not the "
                 "harness's; %s",
            json_get_string(record, "task", ""), json_get_int(record, "asked_shots", -1),
            json_get_string(record, "template", ""), family, json_get_string(record, "file", ""),
            json_get_int(record, "line", -1), err.msg);
    }
    heard_release(&h);
}

static void compare_families(const json_t *record) {
    char folder[512];
    snprintf(folder, sizeof folder, TASK_FIXTURES "/%s", json_get_string(record, "file", ""));
    struct task *t = recorded_task(
        folder, json_get_string(record, "task", ""), (int)json_get_int(record, "asked_shots", -1));
    const char *family;
    json_t *want;
    size_t n = 0;
    json_object_foreach(json_object_get(record, "sha256"), family, want) {
        compare_family(record, t, family, json_string_value(want));
        n++;
    }
    assert_int_equal(n, 5);
    task_free(t);
}

static void prompts_of_five_families_are_the_harness_s_own(void **state) {
    (void)state;
    assert_true(each_record(TASK_FIXTURES "/chat/families.jsonl", compare_families) >= 88);
    assert_int_equal(n_refused,
        2); /* winogrande: an example without an answer is followed by another question */
}

/* ---- what is refused, and said ---- */

static void a_system_turn_that_is_refused_is_left_out_and_told(void **state) {
    struct err err = ERR_INIT;
    struct heard h = { 0 };
    (void)state;
    struct task *t = recorded_task(PEER, "mmlu_anatomy", 0);
    h.template = chat_template_open(FAMILIES "/model_turns.jinja", &err);
    json_t *result = evaluate(t, &h, false, NULL, &err);
    assert_non_null(result);
    assert_true(json_is_true(json_object_get(result, "without_system")));
    assert_null(strstr(strbuf_str(&h.contexts), "anatomy"));
    json_decref(result);
    heard_release(&h);
    h = (struct heard) { .template = chat_template_open(FAMILIES "/chatml.jinja", &err) };
    result = evaluate(t, &h, false, NULL, &err);
    assert_null(json_object_get(result, "without_system"));
    assert_non_null(strstr(strbuf_str(&h.contexts), "anatomy"));
    json_decref(result);
    heard_release(&h);
    task_free(t);
}

static void samples_hold_what_was_asked(void **state) {
    struct err err = ERR_INIT;
    struct heard h = { 0 };
    struct strbuf samples = { 0 }, again = { 0 };
    json_t *rescored;
    (void)state;
    struct task *t = recorded_task(PEER, "winogrande", 2);
    json_t *result = evaluate(t, &h, false, &samples, &err);
    assert_string_equal(json_get_string(result, "template", ""), "turns");
    json_t *first =
        json_parse(strbuf_str(&samples), strcspn(strbuf_str(&samples), "\n"), "s", &err);
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "contexts"), 0)),
        strbuf_str(&h.contexts));
    json_t *choice = json_array_get(json_object_get(first, "choices"), 0);
    assert_string_equal(
        json_get_string(choice, "continuation", ""), json_get_string(choice, "text", "-"));
    assert_true(eval_rescore(result, strbuf_str(&samples), samples.len, &rescored, &again, &err));
    assert_string_equal(strbuf_str(&samples), strbuf_str(&again));
    json_decref(rescored);
    json_decref(first);
    json_decref(result);
    strbuf_release(&samples);
    strbuf_release(&again);
    heard_release(&h);
    task_free(t);
}

static void a_text_alone_has_no_turns(void **state) {
    struct err err = ERR_INIT;
    struct heard h = { 0 };
    (void)state;
    struct task *t = recorded_task(PEER, "wikitext", 0);
    assert_null(evaluate(t, &h, false, NULL, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "wikitext"));
    heard_release(&h);
    task_free(t);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_are_the_harness_s_own),
        cmocka_unit_test(prompts_of_five_families_are_the_harness_s_own),
        cmocka_unit_test(a_system_turn_that_is_refused_is_left_out_and_told),
        cmocka_unit_test(samples_hold_what_was_asked),
        cmocka_unit_test(a_text_alone_has_no_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
