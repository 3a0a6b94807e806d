/* Which prompt is put before the texts of a task: as mteb chose for the same prompts of a model
 * (fixtures/tasks/mteb/PROVENANCE.md), and instructions in a model's template. */
#include "task_main.h"

#include "evaluator/eval/prompt.h"

#define RECORDED TASK_FIXTURES "/mteb/prompts.jsonl"

static enum subject_role role_of(const char *name) {
    return !strcmp(name, "query")      ? SUBJECT_QUERY
           : !strcmp(name, "document") ? SUBJECT_PASSAGE
                                       : SUBJECT_TEXT;
}

static size_t compare_line(const json_t *line) {
    const json_t *named = json_object_get(line, "prompts"), *asked;
    size_t i;
    json_array_foreach(json_object_get(line, "asked"), i, asked) {
        struct prompt_request q = { .task = json_get_string(asked, "task", ""),
            .kind = json_get_string(asked, "kind", ""),
            .instruction = "of the task",
            .role = role_of(json_get_string(asked, "role", "")) };
        struct prompt p;
        prompt_choose(named, json_get_string(line, "default", NULL), &q, &p);
        const char *want = json_get_string(asked, "prompt", NULL), *got = p.text ? p.text : "";
        if (strcmp(got, want)) {
            char *prompts = json_dumps(named, 0);
            fail_msg("%s, %s of %s: '%s', mteb has '%s'", prompts,
                json_get_string(asked, "role", ""), q.task, got, want);
        }
        prompt_release(&p);
    }
    return i;
}

static void prompts_of_a_model_are_chosen_as_mteb_does(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    size_t n = 0;
    assert_true(file_read(RECORDED, 1 << 20, &text, &err));
    for (const char *at = text.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        json_t *line = json_parse(at, (size_t)(end - at), RECORDED, &err);
        assert_non_null(line);
        n += compare_line(line);
        json_decref(line);
    }
    assert_true(n == 16 * 10);
    strbuf_release(&text);
}

/* ---- by hand ---- */

struct row {
    const char *named, *kind;
    enum subject_role role;
    const char *instruction, *text, *rule;
};

static void check(const struct row *r) {
    struct err err = ERR_INIT;
    json_t *named = json_parse(r->named, strlen(r->named), "prompts", &err);
    struct prompt p;
    assert_non_null(named);
    prompt_choose(named, json_get_string(named, "default", NULL) ? "default" : NULL,
        &(struct prompt_request) { "T", r->kind, r->instruction, r->role }, &p);
    if (!p.text != !r->text || (p.text && strcmp(p.text, r->text)) || strcmp(p.rule, r->rule)) {
        fail_msg("%s: '%s' by %s, want '%s' by %s", r->named, p.text ? p.text : "(none)", p.rule,
            r->text ? r->text : "(none)", r->rule);
    }
    prompt_release(&p);
    json_decref(named);
}

#define GENERAL "\"query\": \"Instruct: Find it\\nQuery:\", \"document\": \"\""

static void each_rule_goes_before_the_next(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        { "{\"T-query\": \"1\", \"T\": \"2\", \"Retrieval-query\": \"3\", \"Retrieval\": \"4\", "
          "\"query\": \"5\"}",
            "retrieval", SUBJECT_QUERY, NULL, "1", "task name and role" },
        { "{\"T\": \"2\", \"Retrieval-query\": \"3\", \"Retrieval\": \"4\", \"query\": \"5\"}",
            "retrieval", SUBJECT_QUERY, NULL, "2", "task name" },
        { "{\"Retrieval-query\": \"3\", \"Retrieval\": \"4\", \"query\": \"5\"}", "retrieval",
            SUBJECT_QUERY, NULL, "3", "task type and role" },
        { "{\"Retrieval\": \"4\", \"query\": \"5\"}", "retrieval", SUBJECT_QUERY, NULL, "4",
            "task type" },
        { "{\"query\": \"5\", \"default\": \"6\"}", "retrieval", SUBJECT_QUERY, NULL, "5", "role" },
        { "{\"default\": \"6\"}", "retrieval", SUBJECT_QUERY, NULL, NULL, "none" },
        { "{\"default\": \"6\", \"query\": \"5\"}", "sts", SUBJECT_TEXT, NULL, "6", "default" },
        { "{\"T-query\": \"1\", \"query\": \"5\"}", "sts", SUBJECT_TEXT, NULL, NULL, "none" },
        { "{}", "sts", SUBJECT_TEXT, "ignored by models without a template", NULL, "none" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        check(&ROWS[i]);
    }
}

static void documents_have_older_names_too(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        { "{\"passage\": \"p\", \"corpus\": \"c\", \"document\": \"d\"}", "retrieval",
            SUBJECT_PASSAGE, NULL, "d", "role" },
        { "{\"corpus\": \"c\", \"passage\": \"p\"}", "retrieval", SUBJECT_PASSAGE, NULL, "p",
            "role" },
        { "{\"corpus\": \"c\"}", "rerank", SUBJECT_PASSAGE, NULL, "c", "role" },
        { "{\"T-passage\": \"t\", \"document\": \"d\"}", "retrieval", SUBJECT_PASSAGE, NULL, "t",
            "task name and role" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        check(&ROWS[i]);
    }
}

static void an_instruction_stands_in_the_model_s_template(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        { "{" GENERAL "}", "retrieval", SUBJECT_QUERY, "Find claims",
            "Instruct: Find claims\nQuery:", "instruction" },
        { "{" GENERAL "}", "sts", SUBJECT_TEXT, NULL,
            "Instruct: Retrieve semantically similar text.\nQuery:", "instruction" },
        { "{" GENERAL "}", "retrieval", SUBJECT_PASSAGE, "Find claims", NULL, "role" },
        { "{" GENERAL ", \"T\": \"own \"}", "retrieval", SUBJECT_QUERY, "Find claims", "own ",
            "task name" },
        { "{\"web\": \"Instruct: Find\\nQuery: \"}", "classification", SUBJECT_TEXT, "Sort it",
            "Instruct: Sort it\nQuery: ", "instruction" },
        { "{\"any\": \"<u>{instruction}</u> \"}", "clustering", SUBJECT_TEXT, NULL,
            "<u>Identify categories in user passages.</u> ", "instruction" },
        { "{\"query\": \"Instruct: without an end\"}", "retrieval", SUBJECT_QUERY, "Find claims",
            "Instruct: without an end", "role" },
        { "{\"query\": \"\\nQuery:\"}", "retrieval", SUBJECT_QUERY, "Find claims",
            "\nQuery:", "role" },
        { "{\"query\": 5, \"T\": null}", "retrieval", SUBJECT_QUERY, "Find claims", NULL, "none" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        check(&ROWS[i]);
    }
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_of_a_model_are_chosen_as_mteb_does),
        cmocka_unit_test(each_rule_goes_before_the_next),
        cmocka_unit_test(documents_have_older_names_too),
        cmocka_unit_test(an_instruction_stands_in_the_model_s_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
