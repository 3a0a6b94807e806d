/* What tasks that rank and compare texts send: which texts are asked, what is left out, and what is
 * refused, by the rules of mteb's data. */
#include "task_main.h"

#include <stdio.h>

#include "folder.h"

struct box {
    char *dir, path[256];
    struct task *task;
    struct err err;
};

static void put(const char *dir, const char *name, const char *text) {
    folder_write(dir, name, text, strlen(text));
}

static bool hub(const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)repo;
    (void)revision;
    (void)err;
    *dir = path_join(arg, "set");
    return true;
}

static void box_open(struct box *b) {
    *b = (struct box) { .dir = folder_make(), .err = ERR_INIT };
}

static void box_close(struct box *b) {
    task_free(b->task);
    folder_remove(b->dir);
}

/* The task of a text, with the first `limit` documents and some subsets. */
static struct task *load(
    struct box *b, const char *lua, long long limit, const char *const *subsets) {
    struct task_request q = TASK_REQUEST_INIT;
    task_free(b->task);
    put(b->dir, "task.lua", lua);
    snprintf(b->path, sizeof b->path, "%s/task.lua", b->dir);
    q.tasks_dir = TASKS_DIR;
    q.name = b->path;
    q.limit = limit;
    q.subsets = subsets;
    q.n_subsets = subsets ? 1 : 0;
    q.resolve = hub;
    q.resolve_arg = b->dir;
    b->err = (struct err)ERR_INIT;
    b->task = task_load(&q, &b->err);
    return b->task;
}

static const struct task_doc *docs_of(
    struct box *b, const char *lua, long long limit, const char *const *subsets, size_t *n) {
    if (!load(b, lua, limit, subsets)) {
        fail_msg("%s", b->err.msg);
    }
    return task_docs(b->task, n);
}

static void refused(const char *lua, const char *says) {
    struct box b;
    box_open(&b);
    assert_null(load(&b, lua, 0, NULL));
    assert_true(b.err.class == ERR_TASK || b.err.class == ERR_INPUT);
    if (!strstr(b.err.msg, says)) {
        fail_msg("'%s' does not say '%s'", b.err.msg, says);
    }
    box_close(&b);
}

/* ---- texts ---- */

#define RETRIEVAL(parts)                                                                           \
    "return retrieval { name = 'R', version = 1, documents = function() return { " parts " } end " \
    "}"

static void a_passage_is_its_title_and_text_without_blanks_at_the_ends(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    docs_of(&b,
        RETRIEVAL("corpus = { { _id = 'a', title = ' T', text = 'x  ' }, { _id = 'b', title = '', "
                  "text = ' y ' }, { id = 3, text = ' z\\n' } }, queries = { { _id = 'q', text = "
                  "'?' } }, qrels = { { ['query-id'] = 'q', ['corpus-id'] = 'a', score = 1 } }"),
        0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_string_equal(r->passages[0].text, "T x");
    assert_string_equal(r->passages[1].text, "y");
    assert_string_equal(r->passages[2].text, "z");
    assert_string_equal(r->passages[2].id, "3");
    box_close(&b);
}

static void a_query_is_asked_as_it_stands(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d = docs_of(&b,
        RETRIEVAL(
            "corpus = { { _id = 'a', text = 'x' } }, queries = { { _id = 'q', title = 'no', text = "
            "' ? ' }, { _id = 'i', text = 'w', instruction = 'in full' }, { _id = 'c', text = { "
            "'a', "
            "'b' } }, { _id = 'r', text = { { role = 'user', content = 'hi' }, { role = 'bot', "
            "content = 'ho' } } } }, qrels = map({ 'q', 'i', 'c', 'r' }, function(id) return { "
            "['query-id'] = id, ['corpus-id'] = 'a', score = 1 } end)"),
        0, NULL, &n);
    assert_int_equal(n, 4);
    assert_string_equal(d[0].text_a, " ? ");
    assert_string_equal(d[1].text_a, "w in full");
    assert_string_equal(d[2].text_a, "a; b");
    assert_string_equal(d[3].text_a, "user: hi; bot: ho");
    box_close(&b);
}

/* ---- what is judged ---- */

#define QUERIES_1_TO_3                                                                             \
    "queries = map({ '1', '2', '3' }, function(id) return { _id = id, text = id } end)"

static void a_limit_is_on_queries_that_something_is_said_about(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d = docs_of(&b,
        RETRIEVAL("corpus = { { _id = 'a', text = 'x' } }, " QUERIES_1_TO_3
                  ", qrels = map({ '2', '3' }, function(id) return { ['query-id'] = id, "
                  "['corpus-id'] = 'a', score = 0 } end)"),
        1, NULL, &n);
    assert_int_equal(n, 1);
    assert_string_equal(d[0].id, "2"); /* that nothing is relevant is something, too */
    assert_int_equal(task_retrieval(b.task)->n_judgements, 1);
    box_close(&b);
}

static void of_two_judgements_of_a_passage_the_last_holds(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    docs_of(&b,
        RETRIEVAL("corpus = { { _id = 'a', text = 'x' } }, " QUERIES_1_TO_3
                  ", qrels = map({ 2, 1 }, function(gain) return { ['query-id'] = '1', "
                  "['corpus-id'] = 'a', score = gain } end)"),
        0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_int_equal(r->n_judgements, 1);
    assert_true(r->judgements[0].gain == 1);
    box_close(&b);
}

static void passages_of_one_id_are_refused(void **state) {
    (void)state;
    refused(RETRIEVAL("corpus = { { _id = 'a', text = 'x' }, { _id = 'a', text = 'y' } }, "
                      "queries = { { _id = 'q', text = '?' } }, qrels = { { ['query-id'] = 'q', "
                      "['corpus-id'] = 'a', score = 1 } }"),
        "two passages with the id 'a'");
}

/* ---- where parts are found ---- */

static void parts_are_found_in_the_layout_of_mteb(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    put(b.dir, "set/corpus/corpus-00000.jsonl", "{\"_id\": \"a\", \"text\": \"x\"}\n");
    put(b.dir, "set/queries/test.jsonl", "{\"_id\": \"q\", \"text\": \"?\"}\n");
    put(b.dir, "set/default/test.jsonl",
        "{\"query-id\": \"q\", \"corpus-id\": \"a\", \"score\": 1}\n");
    put(b.dir, "set/default/train.jsonl",
        "{\"query-id\": \"q\", \"corpus-id\": \"other\", \"score\": 1}\n");
    put(b.dir, "set/README.md",
        "---\nconfigs:\n- config_name: corpus\n  data_files:\n  - split: corpus\n    path: "
        "corpus/*\n- config_name: queries\n  data_files:\n  - split: test\n    path: "
        "queries/test.jsonl\n- config_name: default\n  data_files:\n  - split: test\n    path: "
        "default/test.jsonl\n  - split: train\n    path: default/train.jsonl\n---\n");
    docs_of(&b, "return retrieval { name = 'R', version = 1, data = hub 'o/n' { test = 'test' } }",
        0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_int_equal(n, 1);
    assert_int_equal(r->n_passages, 1);
    assert_int_equal(r->n_judgements, 1);
    assert_true(r->judgements[0].passage == 0);
    box_close(&b);
}

static void a_subset_has_parts_of_its_own(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    static const char *const SUBSETS[] = { "de", "fr" };
    for (size_t i = 0; i < 2; i++) {
        char name[64], text[128];
        snprintf(name, sizeof name, "set/%s-corpus/test.jsonl", SUBSETS[i]);
        snprintf(text, sizeof text, "{\"_id\": \"a\", \"text\": \"in %s\"}\n", SUBSETS[i]);
        put(b.dir, name, text);
        snprintf(name, sizeof name, "set/%s-queries/test.jsonl", SUBSETS[i]);
        put(b.dir, name, "{\"_id\": \"q\", \"text\": \"?\"}\n");
        snprintf(name, sizeof name, "set/%s-qrels/test.jsonl", SUBSETS[i]);
        put(b.dir, name, "{\"query-id\": \"q\", \"corpus-id\": \"a\", \"score\": 1}\n");
    }
    static const char LUA[] = "return retrieval { name = 'R', version = 1, data = hub 'o/n' { test "
                              "= 'test', subsets = { 'de', 'fr' } } }";
    const struct task_doc *d = docs_of(&b, LUA, 0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_int_equal(n, 2);
    assert_int_equal(r->n_corpora, 2);
    assert_int_equal(d[1].corpus, 1);
    assert_string_equal(r->passages[r->corpora[1].from].text, "in fr");
    assert_true(r->judgements[1].query == 1 && r->judgements[1].passage == 1);
    d = docs_of(&b, LUA, 0, (const char *const[]) { "fr" }, &n);
    assert_int_equal(n, 1);
    assert_string_equal(d[0].subset, "fr");
    box_close(&b);
}

/* ---- reranking ---- */

#define RERANK(rows)                                                                               \
    "return rerank { name = 'R', version = 1, documents = function() return { " rows               \
    " } end, item = function(row) return row end }"

static void rows_without_positives_or_negatives_are_left_out(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d = docs_of(&b,
        RERANK("{ query = 'a', positive = { 'p' }, negative = {} }, { query = { 'b', 'c' }, "
               "positive = { ' p ', 'q' }, negative = { 'n' } }, { query = 'd', positive = {}, "
               "negative = { 'n' } }"),
        0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_int_equal(n, 1);
    assert_int_equal(d[0].index, 1);
    assert_string_equal(d[0].text_a, "b");
    assert_int_equal(d[0].n_queries, 2);
    assert_int_equal(d[0].n_candidates, 3);
    assert_string_equal(r->passages[0].text, "p");
    /* Of equal scores the highest id is first: a wrong one, to be on the safe side. */
    assert_true(strcmp(r->passages[0].id, r->passages[2].id) < 0);
    assert_true(r->judgements[0].gain == 1 && r->judgements[2].gain == 0);
    box_close(&b);
}

#define RANKED(top_ranked)                                                                         \
    "return rerank { name = 'R', version = 1, documents = function() return { corpus = { { _id = " \
    "'a', text = 'x' }, { _id = 'b', text = 'y' }, { _id = 'c', text = 'z' } }, queries = { { "    \
    "_id = 'q', text = '?' } }, qrels = { { ['query-id'] = 'q', ['corpus-id'] = 'c', score = 1 } " \
    "}, top_ranked = { " top_ranked " } } end }"

#define TWO_QUERIES                                                                                \
    "return rerank { name = 'R', version = 1, documents = function() return { corpus = { { _id = " \
    "'c', text = 'x' } }, queries = { { _id = 'q', text = '?' }, { _id = 'r', text = '!' } }, "    \
    "qrels = { { ['query-id'] = 'q', ['corpus-id'] = 'c', score = 1 }, { ['query-id'] = 'r', "     \
    "['corpus-id'] = 'c', score = 1 } }, top_ranked = { %s } } end }"

static void only_candidates_are_ranked(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d =
        docs_of(&b, RANKED("{ ['query-id'] = 'q', ['corpus-ids'] = { 'c', 'a' } }"), 0, NULL, &n);
    const struct task_retrieval *r = task_retrieval(b.task);
    assert_int_equal(r->n_passages, 2);
    assert_string_equal(r->passages[d[0].candidates[0]].id, "c");
    box_close(&b);
    refused(RANKED("{ ['query-id'] = 'q', ['corpus-ids'] = { 'gone' } }"),
        "passage 'gone', which the corpus lacks");
    refused(RANKED(""), "none for 'q'");
}

/* It finds nothing, and counts. */
static void a_query_without_candidates_stays(void **state) {
    struct box b;
    size_t n;
    (void)state;
    static const char *const rows[] = {
        "{ ['query-id'] = 'q', ['corpus-ids'] = { 'c' } }",
        "{ ['query-id'] = 'q', ['corpus-ids'] = { 'c' } }, { ['query-id'] = 'r', ['corpus-ids'] = "
        "{} }",
    };
    for (size_t i = 0; i < 2; i++) {
        char task[1024];
        snprintf(task, sizeof task, TWO_QUERIES, rows[i]);
        box_open(&b);
        const struct task_doc *d = docs_of(&b, task, 0, NULL, &n);
        assert_int_equal(n, 2);
        assert_int_equal(d[0].n_candidates, 1);
        assert_int_equal(d[1].n_candidates, 0);
        box_close(&b);
    }
}

/* ---- pairs, bitext, summaries ---- */

#define PAIR(row)                                                                                  \
    "return pair { name = 'P', version = 1, documents = function() return { 1 } end, pair = "      \
    "function() return " row " end }"

static void labels_are_0_or_1(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    assert_true(docs_of(&b, PAIR("'a', 'b', '1'"), 0, NULL, &n)[0].score == 1);
    assert_true(docs_of(&b, PAIR("'a', 'b', false"), 0, NULL, &n)[0].score == 0);
    box_close(&b);
    refused(PAIR("'a', 'b', 2"), "label must be 0 or 1");
    refused(PAIR("'a', 'b', 0.5"), "label must be 0 or 1");
    refused(PAIR("'a', 'b'"), "label must be 0 or 1");
    refused(PAIR("'a', nil, 1"), "two strings");
    refused(PAIR("{ 'a' }, { 'b' }, { 0, 1 }"), "same length");
}

#define BITEXT                                                                                     \
    "return bitext { name = 'B', version = 1, documents = function() return { { 'fr', 1 }, { "     \
    "'de', 2 }, { 'fr', 3 } } end, subset = function(row) return row[1] end, pair = "              \
    "function(row, "                                                                               \
    "subset) return subset, tostring(row[2]) end }"

static void rows_are_sorted_by_subset_in_order_of_appearance(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d = docs_of(&b, BITEXT, 0, NULL, &n);
    assert_int_equal(n, 3);
    assert_string_equal(d[1].subset, "fr");
    assert_string_equal(d[1].text_b, "3");
    assert_int_equal(d[1].index, 2);
    assert_string_equal(d[2].subset, "de");
    d = docs_of(&b, BITEXT, 1, NULL, &n); /* of each subset */
    assert_int_equal(n, 2);
    d = docs_of(&b, BITEXT, 0, (const char *const[]) { "de" }, &n);
    assert_int_equal(n, 1);
    assert_string_equal(d[0].text_a, "de");
    assert_null(load(&b, BITEXT, 0, (const char *const[]) { "it" }));
    assert_non_null(strstr(b.err.msg, "no rows of subset 'it'"));
    box_close(&b);
}

static void parallel_rows_belong_to_every_pair_of_languages(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    put(b.dir, "set/test.jsonl", "{\"eng\": \"one\", \"deu\": \"eins\", \"fra\": \"un\"}\n");
    const struct task_doc *d = docs_of(&b,
        "return bitext { name = 'B', version = 1, parallel = true, data = hub 'o/n' { test = "
        "'test', subsets = { 'eng-deu', 'deu-fra' } }, pair = function(row, subset) return "
        "row[subset:sub(1, 3)], row[subset:sub(5)] end }",
        0, NULL, &n);
    assert_int_equal(n, 2);
    assert_string_equal(d[1].subset, "deu-fra");
    assert_string_equal(d[1].text_a, "eins");
    assert_string_equal(d[1].text_b, "un");
    box_close(&b);
}

#define SUMMARY(item, more)                                                                        \
    "return summary { name = 'S', version = 1, documents = function() return { 1 } end, item = "   \
    "function() return " item " end" more " }"

static void every_machine_summary_has_a_mark(void **state) {
    struct box b;
    size_t n;
    (void)state;
    box_open(&b);
    const struct task_doc *d = docs_of(&b,
        SUMMARY("{ human = { 'h' }, machine = { 'm', 'n' }, scores = { 1, '2.5' } }", ""), 0, NULL,
        &n);
    assert_int_equal(d[0].n_machine, 2);
    assert_true(d[0].marks[1] == 2.5);
    box_close(&b);
    refused(SUMMARY("{ human = { 'h' }, machine = { 'm', 'n' }, scores = { 1 } }", ""),
        "2 machine summaries, but 1 scores");
    refused(SUMMARY("{ human = {}, machine = { 'm' }, scores = { 1 } }", ""), "not empty");
    refused(SUMMARY("{}", ", version_of_protocol = 3"), "is 1 or 2");
}

static void a_task_without_its_parts_is_refused(void **state) {
    (void)state;
    refused(
        "return retrieval { name = 'R', version = 1, corpus = hub 'o/n' {} }", "'data' is missing");
    refused("return bitext { name = 'B', version = 1, parallel = true, documents = function() end, "
            "pair = function() end }",
        "'parallel' needs data");
    refused("return pair { name = 'P', version = 1, pair = function() end }", "'data' is missing");
    refused("return pair { name = 'P', version = 1, main = 'max_pa', documents = function() end, "
            "pair = function() end }",
        "did you mean 'max_ap'?");
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passage_is_its_title_and_text_without_blanks_at_the_ends),
        cmocka_unit_test(a_query_is_asked_as_it_stands),
        cmocka_unit_test(a_limit_is_on_queries_that_something_is_said_about),
        cmocka_unit_test(of_two_judgements_of_a_passage_the_last_holds),
        cmocka_unit_test(passages_of_one_id_are_refused),
        cmocka_unit_test(parts_are_found_in_the_layout_of_mteb),
        cmocka_unit_test(a_subset_has_parts_of_its_own),
        cmocka_unit_test(rows_without_positives_or_negatives_are_left_out),
        cmocka_unit_test(only_candidates_are_ranked),
        cmocka_unit_test(a_query_without_candidates_stays),
        cmocka_unit_test(labels_are_0_or_1),
        cmocka_unit_test(rows_are_sorted_by_subset_in_order_of_appearance),
        cmocka_unit_test(parallel_rows_belong_to_every_pair_of_languages),
        cmocka_unit_test(every_machine_summary_has_a_mark),
        cmocka_unit_test(a_task_without_its_parts_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
