/* The data sets and the malformed files of the folder that ASSAY_SHARED names: their values, and
 * what each damaged file must be refused for. Skipped where there is no such folder. */
#include "base/hash.h"
#include "rows.h"

static char *shared(const char *path) {
    const char *dir = getenv("ASSAY_SHARED");
    return path_join(dir ? dir : ASSAY_TESTS_DIR "/../../shared", path);
}

/* The values of a row, as record_sets.py adds them up. */
static void add_row(struct sha256 *h, const struct value *row) {
    static const char kinds[] = "nftidsao";
    for (const struct value *v = row; v < value_after(row); v++) {
        sha256_add(h, &kinds[v->kind], 1);
        if (v->kind == VALUE_INT || v->kind == VALUE_REAL)
            sha256_add(h, &v->i, 8);
        else if (v->kind > VALUE_REAL)
            sha256_add(h, &v->n, 4);
        if (v->kind == VALUE_STRING)
            sha256_add(h, v->s, v->n);
    }
}

static void check_set(const char *hub, const json_t *set) {
    struct err err = ERR_INIT;
    char hex[65], *dir = path_join(hub, json_get_string(set, "dir", ""));
    struct data_source source = { .dir = dir,
        .config = json_get_string(set, "config", NULL),
        .split = json_get_string(set, "split", "") };
    struct sha256 *h = sha256_new();
    struct data *d = data_open(&source, &err);
    const struct value *row;
    long long n = 0;
    for (; d && (row = data_row(d, &err)); n++)
        add_row(h, row);
    sha256_end(h, hex);
    if (err.class != ERR_NONE || n != json_get_int(set, "rows", -1) ||
        strcmp(hex, json_get_string(set, "sha256", "")) != 0)
        fail_msg("%s %s: %lld rows, values %s, %s", dir, source.split, n, hex, err.msg);
    data_close(d);
    free(dir);
}

static void real_data_sets_have_the_values_that_others_read(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    char *hub = shared("hub/datasets");
    if (!dir_exists(hub)) {
        print_message("skipped: no folder '%s'\n", hub);
        free(hub);
        skip();
    }
    json_t *sets = json_parse_file(FIXTURES "/sets.json", 1 << 20, &err), *set;
    size_t i;
    assert_int_equal(json_array_size(sets), 22);
    json_array_foreach(sets, i, set) check_set(hub, set);
    json_decref(sets);
    free(hub);
}

/* Hints are words with " / " between them; one of them must be in the message. */
static bool says_one_of(const char *msg, const char *hints) {
    char word[128];
    for (const char *from = hints, *to; from; from = to ? to + 3 : NULL) {
        to = strstr(from, " / ");
        snprintf(word, sizeof word, "%.*s", (int)(to ? (size_t)(to - from) : strlen(from)), from);
        if (strcasestr(msg, word))
            return true;
    }
    return false;
}

static void check_malformed(const char *dir, const json_t *item) {
    struct err err;
    const char *file = json_get_string(item, "file", ""),
               *expect = json_get_string(item, "expect", "");
    json_t *rows = rows_of_file(dir, file, &err);
    bool refused = err.class != ERR_NONE;
    if (strcmp(expect, "accept") == 0 && refused)
        fail_msg("%s: refused: %s", file, err.msg);
    if (strcmp(expect, "refuse") == 0 && !refused)
        fail_msg("%s: accepted", file);
    if (refused && (!strstr(err.msg, path_base(file)) ||
                       !says_one_of(err.msg, json_get_string(item, "hint", ""))))
        fail_msg("%s: '%s' says nothing of '%s'", file, err.msg, json_get_string(item, "hint", ""));
    json_decref(rows);
}

static void malformed_files_are_refused_with_file_and_reason(void **state) {
    (void)state;
    char *dir = shared("fixtures/malformed"), *path = path_join(dir, "manifest.json");
    if (!file_exists(path)) {
        print_message("skipped: no file '%s'\n", path);
        free(dir);
        free(path);
        skip();
    }
    struct err err = ERR_INIT;
    json_t *manifest = json_parse_file(path, 1 << 20, &err), *item;
    assert_non_null(manifest);
    size_t i, checked = 0;
    json_array_foreach(json_object_get(manifest, "items"), i, item) {
        if (strncmp(json_get_string(item, "file", ""), "datasets/", 9) != 0)
            continue;
        check_malformed(dir, item);
        checked++;
    }
    assert_true(checked >= 19);
    json_decref(manifest);
    free(dir);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_data_sets_have_the_values_that_others_read),
        cmocka_unit_test(malformed_files_are_refused_with_file_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
