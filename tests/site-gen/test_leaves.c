/* What a board is printed as: pages, columns, the chooser; and what its rows can be chosen by. */
#include "tests/site-gen/fixture.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "site-gen/columns.h"
#include "site-gen/leaves.h"
#include "site-gen/site.h"

static json_t *board_of(json_t *doc, const char *suite) {
    json_t *board = NULL;
    struct board_options options = { 0 };
    assert_ok(site_board(doc, suite, &options, &board, &err));
    json_decref(doc);
    return board;
}

static json_t *section_of(const json_t *board, size_t at) {
    return json_array_get(json_object_get(board, "sections"), at);
}

static json_t *row_of(const json_t *board, const char *model) {
    json_t *section, *row;
    size_t i, k;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            const json_t *ref = json_object_get(row, "model");
            if (strcmp(json_get_string(ref, "name", ""), model) == 0)
                return row;
        }
    }
    fail_msg("no row of %s", model);
    return NULL;
}

static void assert_text(const json_t *row, const char *key, const char *text) {
    assert_string_equal(json_get_string(row, key, "absent"), text);
}

/* ---- what a row is chosen by ---- */

static void memory_is_that_of_the_weights_as_they_are_held(void **state) {
    (void)state;
    json_t *board = board_of(fixture_demo(), "wordnet");
    /* packed weights take what their file takes, f32 four bytes a parameter; and a fifth more */
    assert_int_equal(
        json_get_int(row_of(board, "assay-demo/SmolLM2-135M-Instruct"), "memory_bytes", 0),
        (long long)(98452224 * 1.2));
    assert_int_equal(json_get_int(row_of(board, "assay-demo/all-MiniLM-L6-v2"), "memory_bytes", 0),
        (long long)(22713216 * 4 * 1.2));
    json_decref(board);
}

static void speed_is_that_of_the_runs_together(void **state) {
    (void)state;
    json_t *board = board_of(fixture_demo(), "wordnet"),
           *row = row_of(board, "assay-demo/all-MiniLM-L6-v2"); /* runs 4 and 5 */
    double speed = 2 * 17384 / (11.73 + 4 + 11.73 + 5);
    assert_true(fabs(json_get_number(row, "tokens_per_s", 0) - speed) < 0.06);
    assert_text(row, "measured_at", "2025-11-21T10:15:30Z");
    json_decref(board);
}

static void what_the_data_lack_is_left_out(void **state) {
    (void)state;
    json_t *doc = fixture_demo(), *run, *row;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        json_object_set_new(run, "seconds", json_null());
        json_object_del(run, "finished_at");
    }
    json_array_foreach(json_object_get(doc, "board"), i, row) {
        json_object_set_new(row, "licence", json_null());
        json_object_set_new(row, "params", json_null());
        json_object_set_new(row, "size_bytes", json_null());
    }
    json_t *board = board_of(doc, "wordnet"), *one = row_of(board, "assay-demo/all-MiniLM-L6-v2");
    static const char *const ABSENT[] = { "tokens_per_s", "measured_at", "memory_bytes", "lic",
        "openness", "permissive" };
    for (i = 0; i < sizeof ABSENT / sizeof *ABSENT; i++)
        assert_null(json_object_get(one, ABSENT[i]));
    json_decref(board);
}

/* The demo's first model with a card and a licence, as its row comes out. */
static void assert_traits(
    json_t *card, const char *licence, const char *type, const char *openness) {
    static const char NAME[] = "assay-demo/SmolLM2-135M-Instruct-10L";
    json_t *doc = fixture_demo(), *row;
    size_t i;
    json_object_set_new(json_array_get(json_object_get(doc, "models"), 1), "card", card);
    json_array_foreach(json_object_get(doc, "board"), i, row) {
        if (strcmp(json_get_string(row, "model", ""), NAME) == 0)
            json_object_set_new(row, "licence", json_string(licence));
    }
    json_t *board = board_of(doc, "wordnet");
    row = row_of(board, NAME);
    assert_text(row, "type", type);
    assert_text(row, "openness", openness);
    json_decref(board);
}

static void a_card_tells_type_and_openness(void **state) {
    (void)state;
    assert_traits(json_object(), "mit", "instruct", "open weights"); /* by its name */
    assert_traits(json_pack("{s:[s]}", "tags", "mergekit"), "MIT", "merge", "open weights");
    assert_traits(json_pack("{s:s, s:[s]}", "base_model_relation", "adapter", "datasets", "x"),
        "apache-2.0", "adapter", "open, data named");
    assert_traits(json_pack("{s:s}", "base_model", "a/b"), "llama3", "instruct", "restricted");
}

static void a_key_tells_rows_of_one_model_apart(void **state) {
    (void)state;
    json_t *doc = fixture_demo(), *copy;
    copy = json_deep_copy(json_array_get(json_object_get(doc, "board"), 0));
    json_object_set_new(copy, "precision", json_string("bf16"));
    json_array_insert_new(json_object_get(doc, "board"), 1, copy);
    json_t *board = board_of(doc, "wordnet"), *rows = json_object_get(section_of(board, 1), "rows");
    const char *first = json_get_string(json_array_get(rows, 0), "key", ""),
               *second = json_get_string(json_array_get(rows, 1), "key", "");
    assert_true(strcmp(first, second) != 0);
    assert_true(strcmp(first, "assay-demo/SmolLM2-135M-Instruct@bf16") == 0 ||
                strcmp(second, "assay-demo/SmolLM2-135M-Instruct@bf16") == 0);
    json_decref(board);
}

/* ---- leaves ---- */

struct caught {
    json_t *pages, *files; /* path -> data; name -> parsed */
};

static bool catch_page(
    void *arg, const char *template, const char *path, const json_t *data, struct err *err) {
    (void)template;
    (void)err;
    json_object_set_new(((struct caught *)arg)->pages, path, json_deep_copy(data));
    return true;
}

static bool catch_file(void *arg, const char *file, const void *bytes, size_t n, struct err *err) {
    json_t *value = json_parse(bytes, n, file, err);
    if (value)
        json_object_set_new(((struct caught *)arg)->files, file, value);
    return value != NULL;
}

static struct caught publish(json_t *board) {
    struct caught c = { json_object(), json_object() };
    const struct leaf_sink sink = { catch_page, catch_file, &c };
    assert_ok(board_publish(board, &sink, &err));
    return c;
}

static void caught_release(struct caught *c) {
    json_decref(c->pages);
    json_decref(c->files);
}

static void every_row_is_on_one_page_in_its_order(void **state) {
    (void)state;
    json_t *board = board_of(fixture_many(310), "many");
    struct caught c = publish(board);
    const json_t *all = json_object_get(section_of(board, 0), "rows");
    size_t at = 0;
    for (size_t number = 1; number <= 3; number++) {
        json_t *leaf = board_leaf(board, number), *row;
        const json_t *section = section_of(leaf, 0), *rows = json_object_get(section, "rows");
        size_t i;
        assert_int_equal(json_array_size(rows), number == 1 ? 100 : number == 2 ? 200 : 10);
        assert_int_equal(json_get_int(section, "from", 0), at + 1);
        assert_int_equal(json_get_int(section, "total", 0), 310);
        json_array_foreach(rows, i, row) {
            assert_ptr_equal(
                json_object_get(row, "key"), json_object_get(json_array_get(all, at++), "key"));
            assert_int_equal(json_array_size(json_object_get(row, "cells")), 16);
        }
        json_decref(leaf);
    }
    assert_int_equal(at, 310);
    assert_int_equal(json_object_size(c.pages), 3); /* two further ones, and the chooser */
    const json_t *second = json_object_get(c.pages, "/s/many/page/2/");
    assert_text(second, "previous", "/s/many/");
    assert_text(second, "next", "/s/many/page/3/");
    assert_null(json_object_get(json_object_get(c.pages, "/s/many/page/3/"), "next"));
    caught_release(&c);
    json_decref(board);
}

static json_t *file_of(const struct caught *c, const char *path) {
    json_t *file = json_object_get(c->files, path + 1);
    if (!file)
        fail_msg("there is no %s", path);
    return file;
}

/* A coded list's text of a row. */
static const char *decoded(const json_t *doc, const char *key, size_t row) {
    const json_t *list = json_object_get(doc, key),
                 *at = json_array_get(json_object_get(list, "of"), row);
    return json_string_value(
        json_array_get(json_object_get(list, "values"), (size_t)json_integer_value(at)));
}

static void columns_hold_what_the_rows_hold(void **state) {
    (void)state;
    json_t *board = board_of(fixture_many(130), "many"), *row;
    struct caught c = publish(board);
    const json_t *section = section_of(board, 0);
    const char *path = json_get_string(section, "data", "");
    json_t *core = file_of(&c, path), *columns = json_object_get(core, "columns");
    char *last = xstrndup(path, (size_t)(strrchr(path, '/') - path) + 1);
    struct strbuf name = { 0 };
    strbuf_addf(
        &name, "%s%s", last, json_string_value(json_array_get(json_object_get(core, "files"), 2)));
    const json_t *task = json_array_get(columns, 1 + 19), /* the mean is first */
        *data = json_array_get(
            json_object_get(file_of(&c, name.text), "data"), (size_t)json_get_int(task, "at", 0)),
                 *mean = json_object_get(json_array_get(columns, 0), "data");
    size_t i;
    assert_int_equal(json_get_int(task, "file", 0), 2);
    assert_text(task, "key", "Task19");
    json_array_foreach(json_object_get(section, "rows"), i, row) {
        const json_t *cell = json_array_get(json_object_get(row, "cells"), 19),
                     *v = json_array_get(json_object_get(data, "v"), i),
                     *m = json_array_get(json_object_get(mean, "v"), i);
        assert_string_equal(json_string_value(json_array_get(json_object_get(core, "key"), i)),
            json_get_string(row, "key", ""));
        assert_string_equal(decoded(core, "lic", i), json_get_string(row, "lic", ""));
        double value = json_get_number(cell, "value", NAN),
               average = json_get_number(json_object_get(row, "mean"), "value", NAN);
        assert_true(
            isnan(value) ? json_is_null(v) : json_integer_value(v) == lround(value * 10000));
        assert_true(
            isnan(average) ? json_is_null(m) : json_integer_value(m) == lround(average * 10000));
        if (isnan(value))
            assert_string_equal(decoded(data, "why", i), "not measured");
    }
    assert_int_equal(json_integer_value(json_object_get(data, "n")), 400);
    free(last);
    strbuf_release(&name);
    caught_release(&c);
    json_decref(board);
}

static void files_are_named_by_what_is_in_them(void **state) {
    (void)state;
    json_t *one = board_of(fixture_many(20), "many"), *same = board_of(fixture_many(20), "many"),
           *other = board_of(fixture_many(21), "many");
    struct caught a = publish(one), b = publish(same), c = publish(other);
    const char *key;
    json_t *file;
    json_object_foreach(a.files, key, file) {
        assert_non_null(json_object_get(b.files, key));
        assert_null(json_object_get(c.files, key));
    }
    assert_int_equal(json_object_size(a.files), 4);
    caught_release(&a);
    caught_release(&b);
    caught_release(&c);
    json_decref(one);
    json_decref(same);
    json_decref(other);
}

static void a_task_that_is_called_like_a_column_has_another_key(void **state) {
    (void)state;
    json_t *section = json_pack("{s:[{s:s}, {s:s}], s:[s], s:[]}", "tasks", "name", "mean", "name",
        "type-STS", "types", "STS", "groups");
    columns_name(section);
    const json_t *tasks = json_object_get(section, "tasks");
    assert_text(json_array_get(tasks, 0), "key", "task-mean");
    assert_text(json_array_get(tasks, 1), "key", "task-type-STS");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(section, "type_keys"), 0)), "type-STS");
    json_decref(section);
}

static void the_front_goes_up_in_size_and_score(void **state) {
    (void)state;
    json_t *board = board_of(fixture_many(200), "many"), *choice = view_choose(board), *row;
    const json_t *front = json_object_get(section_of(choice, 0), "front"),
                 *rows = json_object_get(section_of(board, 0), "rows");
    double size = 0, best = 0;
    size_t i, k;
    assert_true(json_array_size(front) > 1);
    json_array_foreach(front, i, row) {
        double s = json_get_number(row, "params", 0),
               v = json_get_number(json_object_get(row, "mean"), "value", 0);
        assert_true(s > size && v > best);
        size = s;
        best = v;
        json_t *other;
        json_array_foreach(rows, k, other) { /* no smaller one scores as much */
            assert_false(json_get_number(other, "params", INFINITY) < s &&
                         json_get_number(json_object_get(other, "mean"), "value", 0) >= v);
        }
    }
    json_decref(choice);
    json_decref(board);
}

/* ---- weights ---- */

/* Bytes of a file as gzip packs it at a level, at 0 as it is. The name of an asset has the hash of
 * its content: "assets/site.*.js" is one file. */
static size_t weight_of(const char *dir, const char *path, int level) {
    char *pattern = path_join(dir, path);
    glob_t found = { 0 };
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    char *text = fixture_read("/", found.gl_pathv[0]);
    globfree(&found);
    free(pattern);
    size_t n = strlen(text), size;
    z_stream z = { .next_in = (Bytef *)text, .avail_in = (uInt)n };
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.avail_out = (uInt)deflateBound(&z, (uLong)n);
    Bytef *out = z.next_out = xmalloc(z.avail_out);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size = level ? z.total_out : n;
    deflateEnd(&z);
    free(out);
    free(text);
    return size;
}

static void a_hundred_rows_of_twenty_tasks_weigh_little(void **state) {
    static const struct {
        const char *path;
        size_t most;
        int level;
    } BUDGETS[] = { { "index.html", 40000, 0 }, { "s/many/index.html", 60000, 6 },
        { "s/many/page/2/index.html", 60000, 6 }, { "s/many/choose/index.html", 10000, 6 },
        { "assets/*.js", 20000, 9 }, /* one script for all pages */
        { "assets/*.css", 8000, 9 } };
    char *dir = fixture_dir(), *out = path_join(dir, "site");
    json_t *doc = fixture_many(300);
    struct site_options options = { .out = out, .gnuplot = "" };
    (void)state;
    assert_ok(site_build(doc, &options, NULL, &err));
    for (size_t i = 0; i < sizeof BUDGETS / sizeof *BUDGETS; i++) {
        size_t size = weight_of(out, BUDGETS[i].path, BUDGETS[i].level);
        printf("%s: %zu bytes at level %d\n", BUDGETS[i].path, size, BUDGETS[i].level);
        if (size > BUDGETS[i].most)
            fail_msg("%s: %zu bytes, more than %zu", BUDGETS[i].path, size, BUDGETS[i].most);
    }
    assert_ok(dir_remove(dir, &err));
    json_decref(doc);
    free(out);
    free(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_that_of_the_weights_as_they_are_held),
        cmocka_unit_test(speed_is_that_of_the_runs_together),
        cmocka_unit_test(what_the_data_lack_is_left_out),
        cmocka_unit_test(a_card_tells_type_and_openness),
        cmocka_unit_test(a_key_tells_rows_of_one_model_apart),
        cmocka_unit_test(every_row_is_on_one_page_in_its_order),
        cmocka_unit_test(columns_hold_what_the_rows_hold),
        cmocka_unit_test(files_are_named_by_what_is_in_them),
        cmocka_unit_test(a_task_that_is_called_like_a_column_has_another_key),
        cmocka_unit_test(the_front_goes_up_in_size_and_score),
        cmocka_unit_test(a_hundred_rows_of_twenty_tasks_weigh_little),
    };
    return cmocka_run_group_tests_name("site-gen.leaves", tests, NULL, NULL);
}
