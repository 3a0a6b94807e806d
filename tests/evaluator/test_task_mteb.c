/* Every task of mteb's English benchmarks against what mteb's own task classes made of the same
 * rows: where the data lies, which of it is used, texts, labels and relevances, to the byte.
 * fixtures/tasks/mteb/PROVENANCE.md says how it was recorded; the rows hold what real data has
 * worst. */
#include "task_main.h"

#include <math.h>
#include <stdio.h>

#include "base/average.h"
#include "evaluator/eval/eval.h"

#define MTEB TASK_FIXTURES "/mteb"

/* The folder of a data set, or that of one of its revisions. */
static bool resolve(
    const char *repo, const char *revision, void *arg, char **dir, struct err *err) {
    (void)arg;
    (void)err;
    struct strbuf b = { 0 };
    strbuf_addf(&b, MTEB "/hub/datasets/%s@%.8s", repo, revision ? revision : "");
    if (!dir_exists(strbuf_str(&b))) {
        strbuf_reset(&b);
        strbuf_addf(&b, MTEB "/hub/datasets/%s", repo);
    }
    *dir = strbuf_take(&b);
    return true;
}

/* ---- a model that notes what it is asked ---- */

enum { WIDTH = 3 };

struct note {
    json_t *asked[3]; /* by role: {text: true} */
};

static bool note_embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct note *note = self;
    (void)prompt;
    (void)run;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *t = (const unsigned char *)requests[i].text;
        unsigned hash = 2166136261u;
        for (size_t k = 0; k < requests[i].text_n; k++) {
            hash = (hash ^ t[k]) * 16777619u;
        }
        vectors[i * WIDTH] = 1;
        vectors[i * WIDTH + 1] = (float)(hash % 1021) / 1021;
        vectors[i * WIDTH + 2] = (float)(hash / 1021 % 1019) / 1019;
        json_object_set_new(note->asked[role], requests[i].text, json_true());
    }
    return true;
}

static void note_release(void *self) {
    (void)self;
}

static json_t *measure(const struct task *t, struct note *note) {
    struct err err = ERR_INIT;
    struct subject s = {
        .name = "note", .embed = note_embed, .release = note_release, .self = note, .width = WIDTH
    };
    json_t *result;
    for (int role = 0; role < 3; role++) {
        note->asked[role] = json_object();
    }
    if (!eval_run(t, &s, NULL, &result, NULL, &err)) {
        fail_msg("%s: %s", task_info(t)->name, err.msg);
    }
    return result;
}

static void note_drop(struct note *note) {
    for (int role = 0; role < 3; role++) {
        json_decref(note->asked[role]);
    }
}

/* ---- comparing ---- */

static const char *task_name = "";

static void same_text(const char *what, const char *got, const char *want) {
    if (!got != !want || (got && strcmp(got, want))) {
        fail_msg("%s: %s\n'%s'\nmteb has\n'%s'", task_name, what, got ? got : "(none)",
            want ? want : "(none)");
    }
}

static void same_number(const char *what, size_t at, double got, double want) {
    if (!(got == want)) {
        fail_msg("%s: %s of document %zu is %.17g, mteb has %.17g", task_name, what, at, got, want);
    }
}

static void same_texts(const char *what, const json_t *got, const json_t *want) {
    size_t i;
    json_t *text;
    if (json_array_size(got) != json_array_size(want)) {
        fail_msg("%s: %zu %s, mteb has %zu", task_name, json_array_size(got), what,
            json_array_size(want));
    }
    json_array_foreach(want, i, text) {
        same_text(what, json_string_value(json_array_get(got, i)), json_string_value(text));
    }
}

/* {text: true} against the texts that mteb's model would get. */
static void same_set(const char *what, const json_t *got, const json_t *want) {
    const char *text;
    json_t *yes;
    json_object_foreach((json_t *)(uintptr_t)want, text, yes) {
        if (!json_object_get(got, text)) {
            fail_msg("%s: mteb asks for the %s '%s'", task_name, what, text);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)got, text, yes) {
        if (!json_object_get(want, text)) {
            fail_msg("%s: mteb does not ask for the %s '%s'", task_name, what, text);
        }
    }
}

static void compare_prompt(const struct task_info *info, const json_t *want) {
    const char *both = json_string_value(want);
    same_text("prompt of queries", info->prompt_query, json_get_string(want, "query", both));
    same_text("prompt of passages", info->prompt_passage, json_get_string(want, "document", both));
}

static void compare_about(const struct task_info *info, const json_t *line) {
    const char *subset = json_get_string(line, "subset", "");
    same_text("main", info->main, json_get_string(line, "main", NULL));
    same_text("type", average_type(task_kind_name(info->kind)), json_get_string(line, "type", ""));
    same_text("data", info->data_repo, json_get_string(line, "data", NULL));
    same_text("revision", info->data_revision, json_get_string(line, "revision", NULL));
    same_text("split", info->split, json_get_string(line, "split", NULL));
    same_text("subset", info->subsets.n ? info->subsets.items[0] : "default", subset);
    assert_int_equal(info->subsets.n, strcmp(subset, "default") != 0);
    assert_int_equal(info->drop_identical_ids, json_get_bool(line, "drop_identical_ids", false));
    assert_true(info->higher_is_better);
    compare_prompt(info, json_object_get(line, "prompt"));
    json_t *languages = json_array();
    for (size_t i = 0; i < info->languages.n; i++) {
        json_array_append_new(languages, json_string(info->languages.items[i]));
    }
    assert_true(json_equal(languages, json_object_get(line, "languages")));
    json_decref(languages);
}

/* Pairs: texts and what people said. */
static void compare_pairs(const struct task *t, const json_t *pairs) {
    size_t i;
    json_t *pair;
    json_array_foreach(pairs, i, pair) {
        json_t *doc = task_doc_json(t, i), *texts = json_object_get(doc, "texts");
        for (size_t k = 0; k < 2; k++) {
            same_text("text", json_string_value(json_array_get(texts, k)),
                json_string_value(json_array_get(pair, k)));
        }
        same_number("score", i, json_get_number(doc, "score", NAN),
            json_number_value(json_array_get(pair, 2)));
        json_decref(doc);
    }
}

static void compare_summaries(const struct task *t, const json_t *docs) {
    size_t i, k;
    json_t *want, *mark;
    json_array_foreach(docs, i, want) {
        json_t *doc = task_doc_json(t, i), *scores = json_object_get(doc, "scores");
        same_texts("human summaries", json_object_get(doc, "human"), json_array_get(want, 0));
        same_texts("machine summaries", json_object_get(doc, "machine"), json_array_get(want, 1));
        json_array_foreach(json_array_get(want, 2), k, mark) {
            same_number(
                "score", i, json_number_value(json_array_get(scores, k)), json_number_value(mark));
        }
        json_decref(doc);
    }
}

/* Texts with their labels (one, or one a level), in the order in which they are taken; of those
 * that a classifier learns from, which are drawn. */
static void compare_labelled(const struct task *t, const json_t *want, const struct note *note) {
    const json_t *examples = json_object_get(want, "examples"), *pair, *text;
    json_t *asked = json_object();
    size_t i, k;
    json_array_foreach(json_object_get(want, "labelled"), i, pair) {
        json_t *doc = task_doc_json(t, i), *labels = json_object_get(doc, "labels");
        const json_t *expected = json_array_get(pair, 1);
        same_text(
            "text", json_get_string(doc, "text", NULL), json_string_value(json_array_get(pair, 0)));
        if (!json_equal(labels, expected)) {
            char *got = json_dumps(labels, JSON_ENCODE_ANY), *other = json_dumps(expected, 0);
            fail_msg("%s: labels of document %zu are %s, mteb has %s", task_name, i,
                got ? got : "none", other);
        }
        json_object_set_new(asked, json_string_value(json_array_get(pair, 0)), json_true());
        json_decref(doc);
    }
    json_array_foreach(examples, k, text)
        json_object_set_new(asked, json_string_value(text), json_true());
    same_set("text", note->asked[SUBJECT_TEXT], asked);
    json_decref(asked);
}

/* ---- ranked ---- */

static size_t count_relevant(const json_t *judged) {
    size_t n = 0;
    const char *id;
    json_t *gain;
    json_object_foreach((json_t *)(uintptr_t)judged, id, gain) n += json_number_value(gain) > 0;
    return n;
}

/* want: [id, text, {passage: relevance}, candidates or null]. */
static void compare_query(const json_t *doc, const json_t *want, const json_t *corpus) {
    const json_t *judged = json_array_get(want, 2), *passage;
    const json_t *relevant = json_object_get(doc, "relevant"), *top = json_array_get(want, 3);
    size_t i;
    same_text("id", json_get_string(doc, "id", ""), json_string_value(json_array_get(want, 0)));
    same_text(
        "query", json_get_string(doc, "query", ""), json_string_value(json_array_get(want, 1)));
    assert_int_equal(json_array_size(relevant), count_relevant(judged));
    json_array_foreach(relevant, i, passage) {
        const char *id = json_get_string(passage, "id", "");
        same_number(
            "gain", i, json_get_number(passage, "gain", NAN), json_get_number(judged, id, NAN));
        same_text(
            "passage", json_get_string(passage, "text", NULL), json_get_string(corpus, id, NULL));
    }
    if (json_is_array(top)) {
        assert_int_equal(json_get_int(doc, "candidates", 0), json_array_size(top));
    }
}

static json_t *set_of(const json_t *texts) {
    json_t *set = json_object(), *text;
    const char *id;
    json_object_foreach((json_t *)(uintptr_t)texts, id, text)
        json_object_set_new(set, json_string_value(text), json_true());
    return set;
}

static void compare_ranked(const struct task *t, const json_t *want, const struct note *note) {
    const json_t *corpus = json_object_get(want, "corpus"), *query;
    json_t *passages = set_of(corpus), *queries = json_object();
    size_t i;
    json_array_foreach(json_object_get(want, "queries"), i, query) {
        json_t *doc = task_doc_json(t, i);
        compare_query(doc, query, corpus);
        json_object_set_new(queries, json_string_value(json_array_get(query, 1)), json_true());
        json_decref(doc);
    }
    same_set("passage", note->asked[SUBJECT_PASSAGE], passages);
    same_set("query", note->asked[SUBJECT_QUERY], queries);
    assert_int_equal(json_object_size(note->asked[SUBJECT_TEXT]), 0);
    json_decref(passages);
    json_decref(queries);
}

/* ---- a line ---- */

static void compare_documents(const struct task *t, const json_t *want) {
    struct note note;
    json_t *result = measure(t, &note);
    const json_t *pairs = json_object_get(want, "pairs"), *docs = json_object_get(want, "docs"),
                 *queries = json_object_get(want, "queries");
    const json_t *labelled = json_object_get(want, "labelled");
    const json_t *list = pairs ? pairs : docs ? docs : queries ? queries : labelled;
    if ((size_t)json_get_int(result, "n", 0) != json_array_size(list)) {
        fail_msg("%s: %lld documents, mteb has %zu", task_name, json_get_int(result, "n", 0),
            json_array_size(list));
    }
    if (labelled) {
        compare_labelled(t, want, &note);
    } else if (pairs) {
        compare_pairs(t, pairs);
    } else if (docs) {
        compare_summaries(t, docs);
    } else {
        compare_ranked(t, want, &note);
    }
    note_drop(&note);
    json_decref(result);
}

/* Whether this program has the task and its kind. */
static bool compare(const json_t *line) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    task_name = q.name = json_get_string(line, "task", "");
    q.tasks_dir = TASKS_DIR;
    q.resolve = resolve;
    struct task *t = task_load(&q, &err);
    if (!t && (err.class == ERR_UNSUPPORTED || err.class == ERR_NOT_FOUND)) {
        return false;
    }
    if (!t) {
        fail_msg("%s: %s", task_name, err.msg);
    }
    compare_about(task_info(t), line);
    compare_documents(t, json_object_get(line, "documents"));
    task_free(t);
    return true;
}

static void every_task_is_asked_as_mteb_asks_it(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    size_t n = 0, unsupported = 0;
    assert_true(file_read(MTEB "/documents.jsonl", 4 << 20, &text, &err));
    for (const char *at = text.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, n++) {
        json_t *line = json_parse(at, (size_t)(end - at), "documents.jsonl", &err);
        assert_non_null(line);
        unsupported += !compare(line);
        json_decref(line);
    }
    strbuf_release(&text);
    assert_int_equal(n, 81);
    if (unsupported) {
        print_message("%zu tasks are not there, or of kinds that are not\n", unsupported);
        skip();
    }
}

/* ---- suites ---- */

static void compare_suite(const char *name, const json_t *want) {
    struct err err = ERR_INIT;
    struct task_request q = TASK_REQUEST_INIT;
    json_t *named = json_object(), *task;
    q.name = name;
    q.tasks_dir = TASKS_DIR;
    struct task *t = task_describe(&q, &err);
    assert_non_null(t);
    const struct task_strings *tasks = &task_info(t)->tasks;
    size_t i;
    for (i = 0; i < tasks->n; i++) {
        json_object_set_new(named, tasks->items[i], json_true());
    }
    json_array_foreach(want, i, task) {
        if (!json_object_get(named, json_string_value(task))) {
            fail_msg("suite '%s' lacks '%s'", name, json_string_value(task));
        }
    }
    assert_int_equal(tasks->n, json_array_size(want));
    json_decref(named);
    task_free(t);
}

static void suites_have_the_tasks_of_mteb_s_benchmarks(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    const char *name;
    json_t *tasks;
    assert_true(file_read(MTEB "/suites.json", 1 << 20, &text, &err));
    json_t *suites = json_parse(strbuf_str(&text), text.len, "suites.json", &err);
    assert_int_equal(json_array_size(json_object_get(suites, "mteb-eng-v1")), 56);
    assert_int_equal(json_array_size(json_object_get(suites, "mteb-eng-v2")), 41);
    json_object_foreach(suites, name, tasks) compare_suite(name, tasks);
    json_decref(suites);
    strbuf_release(&text);
}

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_asked_as_mteb_asks_it),
        cmocka_unit_test(suites_have_the_tasks_of_mteb_s_benchmarks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
