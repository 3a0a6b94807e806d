/* Which files make up a split, against what the hub's `datasets` library gave for the same folders
 * (fixtures/data/layouts.json). Files are empty: only names count. */
#include "evaluator/data/files.h"

#include "rows.h"

static void make(const char *dir, const json_t *layout) {
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(layout, "files"), i, file)
        put(dir, json_string_value(file), "");
    const char *card = json_get_string(layout, "card", NULL);
    if (card)
        put(dir, "README.md", card);
}

/* Paths within the folder; NULL where the split was refused, with the message in *err. */
static json_t *find(const char *dir, const json_t *layout, const char *split, struct err *err) {
    struct data_files files;
    *err = (struct err)ERR_INIT;
    struct data_source source = {
        .dir = dir, .config = json_get_string(layout, "config", NULL), .split = split
    };
    if (!data_files_find(&source, &files, err))
        return NULL;
    json_t *paths = json_array();
    for (size_t i = 0; i < files.n; i++)
        json_array_append_new(paths, json_string(files.items[i].path + strlen(dir) + 1));
    data_files_release(&files);
    return paths;
}

/* The number of splits that are not as they should be, each of which is printed. */
static unsigned check(
    const char *dir, const json_t *layout, const char *split, const json_t *wanted) {
    struct err err;
    json_t *got = find(dir, layout, split, &err);
    bool ok = wanted ? got && json_equal(got, wanted) : !got && err.class != ERR_NONE;
    if (!ok) {
        char *want = wanted ? json_dumps(wanted, JSON_COMPACT) : xstrdup("none");
        char *have = got ? json_dumps(got, JSON_COMPACT) : xstrdup(err.msg);
        print_error("%s, %s of '%s': %s, not %s\n", json_get_string(layout, "name", ""), split,
            json_get_string(layout, "config", ""), have, want);
        free(want);
        free(have);
    }
    json_decref(got);
    return !ok;
}

static unsigned check_layout(const json_t *layout) {
    static const char *const usual[] = { "train", "validation", "test" };
    void *dir;
    const json_t *splits =
        json_object_get(layout, json_object_get(layout, "ours") ? "ours" : "splits");
    const char *split;
    json_t *wanted;
    unsigned wrong = 0;
    assert_int_equal(folder_make(&dir), 0);
    make(dir, layout);
    json_object_foreach((json_t *)(uintptr_t)splits, split, wanted) wrong +=
        check(dir, layout, split, wanted);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!json_object_get(splits, usual[i]))
            wrong += check(dir, layout, usual[i], NULL);
    assert_int_equal(folder_remove(&dir), 0);
    return wrong;
}

static void every_layout_is_read_as_the_hubs_library_reads_it(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    json_t *layouts = json_parse_file(FIXTURES "/layouts.json", 1 << 20, &err), *layout;
    size_t i;
    unsigned wrong = 0;
    assert_non_null(layouts);
    assert_true(json_array_size(layouts) >= 100);
    json_array_foreach(layouts, i, layout) wrong += check_layout(layout);
    json_decref(layouts);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_is_read_as_the_hubs_library_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
