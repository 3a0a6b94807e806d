/* Reads a data set and says how fast, in how much memory: for script/bench data and the large sets
 * of script/test data.
 *
 *     read_data rows|lua|json [COLUMN...] FILE
 *
 * `rows` only reads; `lua` makes of each row the table that a task gets; `json` prints the rows.
 * The last line, on stderr, is "rows bytes seconds peak_rss_bytes". */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/luabox.h"
#include "evaluator/data/data.h"
#include "evaluator/task/runtime.h"
#include "tests/large/digest.h"

typedef bool use_fn(void *arg, const struct value *row);

static bool use_nothing(void *arg, const struct value *row) {
    *(uint64_t *)arg += row->n;
    return true;
}

static bool use_lua(void *arg, const struct value *row) {
    lua_State *L = arg;
    runtime_push_value(L, row);
    lua_settop(L, 0);
    return true;
}

static bool use_json(void *arg, const struct value *row) {
    json_t *json = value_json(row);
    bool ok = json_dumpf(json, arg, JSON_COMPACT | JSON_REAL_PRECISION(17)) == 0 &&
              putc('\n', arg) == '\n';
    json_decref(json);
    return ok;
}

static bool use_digest(void *arg, const struct value *row) {
    digest_add(arg, row);
    return true;
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Not getrusage's, which remembers the process that started this one. */
static long peak_kib(void) {
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "VmHWM: %ld", &kib) != 1) {
    }
    if (f)
        fclose(f);
    return kib;
}

static long long read_all(
    const struct data_source *source, use_fn *use, void *arg, struct err *err) {
    const struct value *row;
    long long n = 0;
    struct data *d = data_open(source, err);
    while (d && (row = data_row(d, err)) != NULL && use(arg, row))
        n++;
    data_close(d);
    return err->class == ERR_NONE ? n : -1;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    const char *mode = argv[1];
    struct err err = ERR_INIT;
    struct luabox *box = luabox_open(&(struct luabox_limits) { .heap_bytes = 64 << 20 }, &err);
    uint64_t sum = 0;
    struct data_source source = { .file = argv[argc - 1] };
    argv[argc - 1] = NULL;
    source.columns = argc > 3 ? (const char *const *)argv + 2 : NULL;
    struct digest *digest = digest_new();
    const struct {
        const char *mode;
        use_fn *use;
        void *arg;
    } uses[] = { { "lua", use_lua, luabox_state(box) }, { "json", use_json, stdout },
        { "digest", use_digest, digest }, { "rows", use_nothing, &sum } };
    size_t u = 0;
    while (u < 3 && strcmp(uses[u].mode, mode) != 0)
        u++;
    double from = cpu_s();
    long long n = read_all(&source, uses[u].use, uses[u].arg, &err);
    double took = cpu_s() - from;
    struct stat st;
    luabox_close(box);
    digest_end(digest, u == 2 ? stdout : NULL);
    if (n < 0 || fflush(stdout) != 0 || stat(source.file, &st) != 0) {
        fprintf(stderr, "read_data: %s\n", err.msg);
        return 1;
    }
    fprintf(stderr, "%lld %lld %.6f %ld\n", n, (long long)st.st_size, took, peak_kib() * 1024);
    return 0;
}
