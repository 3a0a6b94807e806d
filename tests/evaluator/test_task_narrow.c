/* Rows without the columns that a task does not name; and tasks that look at them all the same. */
#include "task_main.h"

#include "base/mem.h"
#include "evaluator/data/data.h"

#define WRITTEN ASSAY_TESTS_DIR "/fixtures/data/v1_none_crc.parquet"

static int folder_make(void **state) {
    char path[] = "/tmp/assay-narrow-XXXXXX";
    *state = mkdtemp(path) ? xstrdup(path) : NULL;
    return *state ? 0 : -1;
}

static int folder_remove(void **state) {
    struct err err = ERR_INIT;
    bool ok = dir_remove(*state, &err);
    free(*state);
    return ok ? 0 : -1;
}

static void put(const char *dir, const char *name, const void *bytes, size_t n) {
    char *path = path_join(dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    free(path);
}

/* rows.parquet, of which column u32 may be damaged: where its pages lie is known of the fixture. */
static void put_rows(const char *dir, bool hurt) {
    enum { U32_AT = 760 };
    struct err err = ERR_INIT;
    struct strbuf text = { 0 };
    assert_true(file_read(WRITTEN, 1 << 20, &text, &err));
    if (hurt)
        memset(text.text + U32_AT, 0xee, 64);
    put(dir, "rows.parquet", text.text, text.len);
    strbuf_release(&text);
}

/* A task whose contexts are what `look` makes of `row`; the caller frees. NULL: *err says why. */
static struct task *load(const char *dir, const char *look, struct err *err) {
    struct strbuf text = { 0 };
    strbuf_addf(&text,
        "local function look(row) %s end\n"
        "return loglikelihood { name = 'narrow', version = 1, data = file 'rows.parquet' {},\n"
        "  doc = function(row) return { context = tostring((look(row))), target = ' x' } end }\n",
        look);
    put(dir, "narrow.lua", text.text, text.len);
    strbuf_release(&text);
    struct task_request q = TASK_REQUEST_INIT;
    char *path = path_join(dir, "narrow.lua");
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    *err = (struct err)ERR_INIT;
    struct task *t = task_load(&q, err);
    free(path);
    return t;
}

static void columns_that_a_task_does_not_name_are_not_read(void **state) {
    struct err err;
    size_t n;
    put_rows(*state, true);
    struct task *t = load(*state, "return row.i32", &err);
    if (!t)
        fail_msg("%s", err.msg);
    assert_string_equal(task_docs(t, &n)[1].contexts[0], "154112043");
    assert_int_equal(n, 60);
    task_free(t);
    assert_null(load(*state, "return row.u32", &err));
    assert_non_null(strstr(err.msg, "column 'u32'"));
}

static void a_row_is_whole_to_whoever_looks(void **state) {
    static const char *const looks[] = {
        "return row['u' .. '32']",
        "return rawget(row, 'u' .. 32)",
        "local ok, v = pcall(function() return row['u' .. 32] end) return v",
        "local ok, v = pcall(rawget, row, 'u' .. 32) return ok and v",
        "for k, v in pairs(row) do if #k == 3 and k:find('^u') then return v end end",
        "for k, v in next, row do if #k == 3 and k:find('^u') then return v end end",
        "return setmetatable({}, { __index = row })['u' .. 32]",
        "local ok, s = pcall(json.encode, row) return ok and s:match('\"u' .. '32\":(%d+)')",
        "local ok, s = pcall(json.encode, {{row}}) return ok and s:match('\"u' .. '32\":(%d+)')",
    };
    put_rows(*state, false);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        struct err err;
        size_t n;
        char look[200];
        snprintf(look, sizeof look, "local _ = row.i32 %s", looks[i]);
        struct task *t = load(*state, look, &err);
        if (!t)
            fail_msg("%s: %s", looks[i], err.msg);
        const struct task_doc *docs = task_docs(t, &n);
        assert_int_equal(n, 60);
        for (size_t k = 0; k < 2; k++)
            if (strcmp(docs[k].contexts[0], k ? "1130620377" : "676598820") != 0)
                fail_msg("%s: row %zu: '%s'", looks[i], k, docs[k].contexts[0]);
        task_free(t);
    }
}

/* What a table without the column would be as well. */
static void a_row_can_be_written_to_and_has_no_other_columns(void **state) {
    struct err err;
    size_t n;
    put_rows(*state, true);
    struct task *t = load(*state,
        "row['u' .. 32] = 5 local v = row['u' .. 32] "
        "return tostring(row.i32 ~= nil) .. v .. tostring(row.nothing) .. type(row.name)",
        &err);
    if (!t)
        fail_msg("%s", err.msg);
    assert_string_equal(task_docs(t, &n)[0].contexts[0], "true5nilfunction");
    task_free(t);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        IN_FOLDER(columns_that_a_task_does_not_name_are_not_read),
        IN_FOLDER(a_row_is_whole_to_whoever_looks),
        IN_FOLDER(a_row_can_be_written_to_and_has_no_other_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
