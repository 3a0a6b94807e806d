/* Tests of a task: a file of JSON lines that holds rows of its data and what a model would be asked
 * of them.
 *
 *   {"schema": "assay.task-test/1", "task", "version", "shots", "seed"}
 *   {"part": which split, "row": {...}}, and {"part", "labels": {column: {number: name}}}
 *   {"doc": place, "expect": a document as task_render has it}
 *
 * A test reads no data set: whoever changes a task's functions sees at once what that does to the
 * prompts, wherever he is. */
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "evaluator/task/frames.h"
#include "evaluator/task/task.h"

#define SCHEMA "assay.task-test/1"
#define FILE_MAX ((size_t)256 << 20)
#define SHOWN_BEFORE 30 /* bytes of a text around the place where two differ */
#define SHOWN_AFTER 50

/* ---- writing ---- */

static void add_line(struct strbuf *out, const json_t *line) {
    struct json_writer w;
    json_writer_init(&w, out, false);
    jw_json(&w, line);
    strbuf_addc(out, '\n');
}

/* Takes the line. */
static void add_new_line(struct strbuf *out, json_t *line) {
    add_line(out, line);
    json_decref(line);
}

static size_t count_docs(const struct task *t) {
    return t->n_docs;
}

bool task_freeze(
    const struct task_request *request, size_t n, struct strbuf *text, struct err *err) {
    struct task_request q = *request;
    size_t i;
    json_t *line;
    q.freeze = n;
    q.limit = -1;
    struct task *t = task_load(&q, err);
    if (!t) {
        return false;
    }
    add_new_line(text,
        json_pack("{s:s, s:s, s:I, s:i, s:I}", "schema", SCHEMA, "task", t->info.name, "version",
            (json_int_t)t->info.version, "shots", t->info.shots, "seed", (json_int_t)t->info.seed));
    json_array_foreach(t->frozen, i, line) {
        add_line(text, line);
    }
    for (i = 0; i < count_docs(t); i++) {
        add_new_line(
            text, json_pack("{s:I, s:o}", "doc", (json_int_t)i, "expect", task_doc_json(t, i)));
    }
    bool ok =
        json_array_size(t->frozen) > 0 ||
        err_set(err, ERR_TASK, "%s: it reads no data: there are no rows to freeze", t->info.path);
    task_free(t);
    return ok;
}

/* ---- reading ---- */

struct test {
    json_t *header, *rows, *docs; /* docs: what is expected, in order */
};

static void test_release(struct test *t) {
    json_decref(t->header);
    json_decref(t->rows);
    json_decref(t->docs);
}

static bool take_line(struct test *t, json_t *line, struct err *err) {
    if (!t->header) {
        t->header = json_incref(line);
        return !strcmp(json_get_string(line, "schema", ""), SCHEMA) ||
               err_set(err, ERR_INPUT, "it does not begin with a line of schema %s", SCHEMA);
    }
    json_t *expect = json_object_get(line, "expect");
    if (!expect && !json_get_string(line, "part", NULL)) {
        return err_set(err, ERR_INPUT, "a line is neither a row nor a document");
    }
    json_array_append(expect ? t->docs : t->rows, expect ? expect : line);
    return true;
}

static bool read_test(struct test *t, const char *path, struct err *err) {
    struct strbuf text = { .max = FILE_MAX };
    bool ok = file_read(path, FILE_MAX, &text, err);
    *t = (struct test) { .rows = json_array(), .docs = json_array() };
    size_t number = 1;
    for (const char *at = strbuf_str(&text); ok && *at; number++) {
        size_t n = strcspn(at, "\n");
        json_t *line = n ? json_parse(at, n, path, err) : NULL;
        ok = (n == 0 || line) && (!line || take_line(t, line, err));
        json_decref(line);
        if (!ok && !strstr(err->msg, path)) {
            err_wrap(err, "%s:%zu", path, number);
        }
        at += n + (at[n] == '\n');
    }
    strbuf_release(&text);
    return ok && (t->header || err_set(err, ERR_INPUT, "'%s' is empty", path));
}

/* ---- comparing ---- */

/* The part of a text around byte `at`, whole letters. The caller owns it. */
static json_t *excerpt(const char *text, size_t at) {
    size_t n = strlen(text), from = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0,
           to = at + SHOWN_AFTER < n ? at + SHOWN_AFTER : n;
    while (from > 0 && ((unsigned char)text[from] & 0xc0) == 0x80) {
        from--;
    }
    while (to < n && ((unsigned char)text[to] & 0xc0) == 0x80) {
        to++;
    }
    struct strbuf out = { 0 };
    strbuf_addf(
        &out, "%s%.*s%s", from ? "…" : "", (int)(to - from), text + from, to < n ? "…" : "");
    json_t *v = json_string(strbuf_str(&out));
    strbuf_release(&out);
    return v;
}

/* Texts are shown where they part; everything else whole. */
static json_t *difference(const char *field, const json_t *expected, const json_t *got) {
    const char *a = json_string_value(expected), *b = json_string_value(got);
    json_t *d = json_pack("{s:s}", "field", field);
    if (a && b) {
        size_t at = 0;
        while (a[at] && a[at] == b[at]) {
            at++;
        }
        json_object_set_new(d, "at", json_integer((json_int_t)utf8_length(a, at)));
        json_object_set_new(d, "expected", excerpt(a, at));
        json_object_set_new(d, "got", excerpt(b, at));
        return d;
    }
    json_object_set_new(
        d, "expected", expected ? json_incref((json_t *)(uintptr_t)expected) : json_null());
    json_object_set_new(d, "got", got ? json_incref((json_t *)(uintptr_t)got) : json_null());
    return d;
}

static json_t *first_difference(const char *field, const json_t *expected, const json_t *got);

static json_t *list_difference(const char *field, const json_t *expected, const json_t *got) {
    size_t n = json_array_size(expected), m = json_array_size(got);
    for (size_t i = 0; i < n || i < m; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s[%zu]", field, i);
        json_t *d = first_difference(name, json_array_get(expected, i), json_array_get(got, i));
        if (d) {
            return d;
        }
    }
    return NULL;
}

static json_t *object_difference(const char *field, const json_t *expected, const json_t *got) {
    const json_t *const sides[] = { expected, got };
    const char *key;
    json_t *ignored;
    for (size_t side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)sides[side], key, ignored) {
            char name[200];
            snprintf(name, sizeof name, "%s%s%s", field, *field ? "." : "", key);
            json_t *d =
                first_difference(name, json_object_get(expected, key), json_object_get(got, key));
            if (d) {
                return d;
            }
        }
    }
    return NULL;
}

/* NULL where there is none; the caller's. */
static json_t *first_difference(const char *field, const json_t *expected, const json_t *got) {
    if (expected && got && json_equal(expected, got)) {
        return NULL;
    }
    if (json_is_object(expected) && json_is_object(got)) {
        return object_difference(field, expected, got);
    }
    if (json_is_array(expected) && json_is_array(got)) {
        return list_difference(field, expected, got);
    }
    return difference(field, expected, got);
}

/* Through text, as what is expected has been. */
static json_t *rendered(const struct task *t, size_t i, struct err *err) {
    json_t *doc = task_doc_json(t, i), *read = NULL;
    struct strbuf text = { 0 };
    add_line(&text, doc);
    read = json_parse(strbuf_str(&text), text.len, "document", err);
    strbuf_release(&text);
    json_decref(doc);
    return read;
}

static json_t *compare(const struct task *t, const json_t *docs, struct err *err) {
    json_t *list = json_array();
    size_t n = json_array_size(docs), m = count_docs(t);
    for (size_t i = 0; i < n || i < m; i++) {
        json_t *got = i < m ? rendered(t, i, err) : NULL;
        if (i < m && !got) {
            json_decref(list);
            return NULL;
        }
        json_t *d =
            first_difference(i < n && i < m ? "" : "document", json_array_get(docs, i), got);
        if (d) {
            json_object_set_new(d, "document", json_integer((json_int_t)i));
            json_array_append_new(list, d);
        }
        json_decref(got);
    }
    return list;
}

bool task_test(
    const struct task_request *request, const char *path, json_t **report, struct err *err) {
    struct test test;
    struct task_request q = *request;
    struct task *t = NULL;
    json_t *differences = NULL;
    *report = NULL;
    if (read_test(&test, path, err)) {
        q.frozen = test.rows;
        q.limit = -1;
        q.shots = (int)json_get_int(test.header, "shots", 0);
        q.seed = json_get_int(test.header, "seed", -1);
        t = task_load(&q, err);
    }
    if (t && strcmp(t->info.name, json_get_string(test.header, "task", ""))) {
        err_set(err, ERR_INPUT, "'%s' is a test of task '%s', not of '%s'", path,
            json_get_string(test.header, "task", ""), t->info.name);
    } else if (t) {
        differences = compare(t, test.docs, err);
    }
    if (differences) {
        *report = json_pack("{s:s, s:s, s:I, s:o}", "task", t->info.name, "file", path, "documents",
            (json_int_t)json_array_size(test.docs), "differences", differences);
    }
    test_release(&test);
    task_free(t);
    return *report != NULL;
}
