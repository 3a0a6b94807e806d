/* What assay bench prints for programs: a model's name is a stranger's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "evaluator/cli/bench.h"

/* One row of a model of this name, as it is printed; the caller frees. */
static char *printed(enum bench_format format, const char *model) {
    struct bench_sample sample = { .tokens = 8, .flops = 16, .bytes = 4 };
    struct bench_row row = { .of = { BENCH_EMBED, 8, 2, 0 }, .samples = &sample, .repeats = 1 };
    struct bench_rows rows = { &row, 1 };
    struct bench_side side = { .model = model, .threads = 1, .load_s = 0.5 };
    side.info = (struct model_info) { .architecture = model,
        .device = "cpu",
        .backend = "AVX2",
        .gemm = "own",
        .dtype = "f32",
        .weight_dtype = "F32",
        .n_parameters = 1000 };
    char path[] = "/tmp/assay-bench-XXXXXX";
    struct strbuf text = { 0 };
    struct err err = ERR_INIT;
    int fd = mkstemp(path), stdout_fd = dup(STDOUT_FILENO);
    assert_true(fd >= 0 && stdout_fd >= 0);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    struct bench_report *r = bench_report_new(format, 1);
    bench_report_add(r, &side, &rows);
    bench_report_print(r);
    fflush(stdout);
    dup2(stdout_fd, STDOUT_FILENO);
    close(stdout_fd);
    close(fd);
    assert_true(file_read(path, 1 << 20, &text, &err));
    unlink(path);
    return strbuf_take(&text);
}

/* The second line of the CSV begins with it. */
static void begins(const char *model, const char *cell) {
    char *text = printed(BENCH_CSV, model), *line = strchr(text, '\n') + 1;
    if (strncmp(line, cell, strlen(cell))) {
        fail_msg("'%s' became %s", model, line);
    }
    free(text);
}

static void fault_100_a_cell_is_no_formula(void **state) {
    static const char FIRST[] = "=+-@\t\r";
    (void)state;
    for (const char *c = FIRST; *c; c++) {
        char model[40], cell[64];
        snprintf(model, sizeof model, "%cHYPERLINK(\"x\")", *c);
        snprintf(cell, sizeof cell, "\"'%cHYPERLINK(\"\"x\"\")\",\"'%c", *c, *c);
        begins(model, cell);
    }
    begins("org/a=b", "\"org/a=b\",");
    begins("", "\"\",");
}

static void fault_100_documents_have_names_as_they_are(void **state) {
    struct err err = ERR_INIT;
    (void)state;
    char *text = printed(BENCH_JSON, "=1+\"2\"");
    json_t *document = json_parse(text, strlen(text), "bench", &err);
    assert_non_null(document);
    const json_t *row = json_array_get(json_object_get(document, "results"), 0);
    assert_string_equal(json_get_string(row, "model", ""), "=1+\"2\"");
    json_decref(document);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_100_a_cell_is_no_formula),
        cmocka_unit_test(fault_100_documents_have_names_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
