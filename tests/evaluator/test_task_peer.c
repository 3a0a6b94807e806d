/* Every task of lm-evaluation-harness against what the harness itself made of the same rows:
 * contexts, continuations, the right answers, the examples that were drawn, to the byte.
 * fixtures/tasks/peer/PROVENANCE.md says how it was recorded; its rows are hand-written to hold
 * what real data has worst. */
#include "recorded.h"

#include <stdio.h>

#define PEER TASK_FIXTURES "/peer"

/* One line of prompts.jsonl. */
struct record {
    const char *task;
    const json_t *docs;
    int shots, asked_shots; /* asked_shots < 0: as the task says */
    long long version;      /* without what stands after the point; < 0: the harness gives none */
};

static struct record record_of(const json_t *line) {
    return (struct record) {
        .task = json_get_string(line, "task", ""),
        .docs = json_object_get(line, "docs"),
        .shots = (int)json_get_int(line, "shots", 0),
        .asked_shots = (int)json_get_int(line, "asked_shots", -1),
        .version = (long long)json_get_number(line, "version", -1),
    };
}

static void same_text(
    const struct record *r, size_t doc, const char *what, const char *got, const char *want) {
    if (strcmp(got, want)) {
        fail_msg("%s, %d shots, document %zu: %s\n'%s'\nthe harness has\n'%s'", r->task, r->shots,
            doc, what, got, want);
    }
}

static void compare_gold(
    const struct record *r, size_t doc, const struct task_doc *d, const json_t *gold) {
    size_t n = json_is_array(gold) ? json_array_size(gold) : json_is_integer(gold);
    if (d->n_gold != n) {
        fail_msg(
            "%s, document %zu: %zu right answers, the harness has %zu", r->task, doc, d->n_gold, n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(gold) ? json_array_get(gold, i) : gold;
        if ((json_int_t)d->gold[i] != json_integer_value(one)) {
            fail_msg("%s, document %zu: choice %zu is right, the harness has %lld", r->task, doc,
                d->gold[i], json_integer_value(one));
        }
    }
}

static void compare_doc(
    const struct record *r, size_t doc, const struct task_doc *d, const json_t *want) {
    const json_t *asked = json_object_get(want, "asked"),
                 *contexts = json_object_get(want, "contexts");
    assert_int_equal(d->index, doc);
    assert_int_equal(d->n_choices, json_array_size(asked));
    for (size_t i = 0; i < d->n_choices; i++) {
        const json_t *pair = json_array_get(asked, i);
        const json_t *context =
            json_array_get(contexts, (size_t)json_integer_value(json_array_get(pair, 0)));
        if (context) {
            same_text(
                r, doc, "context", d->contexts[d->choices[i].context], json_string_value(context));
        }
        same_text(r, doc, "continuation", d->choices[i].continuation,
            json_string_value(json_array_get(pair, 1)));
    }
    compare_gold(r, doc, d, json_object_get(want, "gold"));
    if (json_object_get(want, "words")) {
        assert_true(d->words == json_get_number(want, "words", 0));
        assert_true(d->bytes == json_get_number(want, "bytes", 0));
    }
}

static void compare(const struct record *r) {
    struct task *t = recorded_task(PEER, r->task, r->asked_shots);
    size_t n;
    const struct task_doc *docs = task_docs(t, &n);
    assert_int_equal(n, json_array_size(r->docs));
    assert_int_equal(task_info(t)->shots, r->shots);
    assert_true(r->version < 0 || r->version == task_info(t)->version);
    for (size_t i = 0; i < n; i++) {
        compare_doc(r, i, &docs[i], json_array_get(r->docs, i));
    }
    task_free(t);
}

static void compare_line(const json_t *line) {
    struct record r = record_of(line);
    compare(&r);
}

static void every_prompt_is_the_harness_s_own(void **state) {
    (void)state;
    assert_true(each_record(PEER "/prompts.jsonl", compare_line) > 100);
}

static json_t *named;

static void note_name(const json_t *line) {
    json_object_set_new(named, json_get_string(line, "task", ""), json_true());
}

/* What is asked of a language model here, and has no recorded prompts of the harness, is not the
 * harness's. */
static void every_task_of_the_harness_is_recorded(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *list = task_list(TASKS_DIR, NULL, &err), *entry;
    size_t i, n = 0;
    named = json_object();
    each_record(PEER "/prompts.jsonl", note_name);
    json_array_foreach(list, i, entry) {
        const char *file = json_get_string(entry, "file", ""),
                   *name = json_get_string(entry, "name", "");
        bool theirs = !strncmp(file, "lmeval/", 7) || !strncmp(file, "leaderboard/", 12) ||
                      !strncmp(file, "arc/", 4);
        if (theirs && !json_object_get(named, name)) {
            fail_msg("task '%s' has no recorded prompts", name);
        }
        n += theirs;
    }
    assert_int_equal(n, json_object_size(named));
    json_decref(named);
    json_decref(list);
}

static struct task *describe(const char *name) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    q.name = name;
    q.tasks_dir = TASKS_DIR;
    struct task *t = task_describe(&q, &err);
    if (!t) {
        fail_msg("%s: %s", name, err.msg);
    }
    return t;
}

static bool has_task(const struct task_info *suite, const char *name) {
    for (size_t i = 0; i < suite->tasks.n; i++) {
        if (!strcmp(suite->tasks.items[i], name)) {
            return true;
        }
    }
    return false;
}

/* The harness weighs subjects by their questions, the first leaderboard did not. */
static void mmlu_is_averaged_in_two_ways(void **state) {
    (void)state;
    struct task *harness = describe("mmlu"), *field = describe("mmlu_stem"),
                *board = describe("open_llm_leaderboard_v1"),
                *subjects = describe("open_llm_leaderboard_v1_mmlu");
    assert_string_equal(task_info(harness)->mean, "size");
    assert_string_equal(task_info(field)->mean, "size");
    assert_string_equal(task_info(board)->mean, "task");
    assert_true(has_task(task_info(board), "open_llm_leaderboard_v1_mmlu"));
    assert_string_equal(task_info(subjects)->mean, "task");
    assert_int_equal(task_info(subjects)->tasks.n, 57);
    task_free(harness);
    task_free(field);
    task_free(board);
    task_free(subjects);
}

/* What guessing scores, which the second leaderboard calls 0 (peers: normalization). */
static void chance_is_what_the_leaderboard_says(void **state) {
    static const struct {
        const char *task;
        double choices;
    } CHANCE[] = {
        { "leaderboard_gpqa_main", 4 },
        { "leaderboard_mmlu_pro", 10 },
        { "leaderboard_musr_murder_mysteries", 2 },
        { "leaderboard_musr_object_placements", 5 },
        { "leaderboard_musr_team_allocation", 3 },
        { "leaderboard_bbh_sports_understanding", 2 },
        { "leaderboard_bbh_tracking_shuffled_objects_three_objects", 3 },
        { "leaderboard_bbh_navigate", 2 },
        { "leaderboard_bbh_snarks", 2 },
        { "leaderboard_bbh_date_understanding", 6 },
        { "leaderboard_bbh_reasoning_about_colored_objects", 18 },
        { "leaderboard_bbh_object_counting", 19 },
        { "leaderboard_bbh_logical_deduction_seven_objects", 7 },
        { "leaderboard_bbh_geometric_shapes", 11 },
        { "leaderboard_bbh_web_of_lies", 2 },
        { "leaderboard_bbh_movie_recommendation", 6 },
        { "leaderboard_bbh_logical_deduction_five_objects", 5 },
        { "leaderboard_bbh_salient_translation_error_detection", 6 },
        { "leaderboard_bbh_disambiguation_qa", 3 },
        { "leaderboard_bbh_temporal_sequences", 4 },
        { "leaderboard_bbh_hyperbaton", 2 },
        { "leaderboard_bbh_logical_deduction_three_objects", 3 },
        { "leaderboard_bbh_causal_judgement", 2 },
        { "leaderboard_bbh_formal_fallacies", 2 },
        { "leaderboard_bbh_tracking_shuffled_objects_seven_objects", 7 },
        { "leaderboard_bbh_ruin_names", 6 },
        { "leaderboard_bbh_penguins_in_a_table", 5 },
        { "leaderboard_bbh_boolean_expressions", 2 },
        { "leaderboard_bbh_tracking_shuffled_objects_five_objects", 5 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CHANCE / sizeof *CHANCE; i++) {
        struct task *t = describe(CHANCE[i].task);
        if (task_info(t)->baseline != 1 / CHANCE[i].choices) {
            fail_msg("%s: chance is %g, not 1 in %g", CHANCE[i].task, task_info(t)->baseline,
                CHANCE[i].choices);
        }
        task_free(t);
    }
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prompt_is_the_harness_s_own),
        cmocka_unit_test(every_task_of_the_harness_is_recorded),
        cmocka_unit_test(mmlu_is_averaged_in_two_ways),
        cmocka_unit_test(chance_is_what_the_leaderboard_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
