/* assay bench: how fast a model answers, beside what the device could give. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "evaluator/cli/bench.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/hub/hub.h"

#define LENGTH_MAX (1ul << 20)
#define BATCH_MAX (1ul << 16)
enum { ROUNDS_MAX = 1000, THREADS_MAX = 1024, MADE_DEFAULT = 32, ROUNDS_DEFAULT = 5 };
#define SECONDS_DEFAULT 0.1

static const struct option options_bench[] = {
    { "work", 'w', "LIST",
        "embed, classify, score, rolling, generate (default: what the model is for)" },
    { "lengths", 'l', "LIST", "tokens of a text (default: 16,64,256; of decoders 32,128,512)" },
    { "batch", 'b', "LIST", "texts at a time (default: 1,8,64; of decoders 1,8)" },
    { "made", 'n', "N", "tokens that a text of generate makes (default: 32)" },
    { "rounds", 'r', "N", "rounds that count, after one that doesn't (default: 5)" },
    { "seconds", 0, "S",
        "repeat a case for so long in each round, if it is shorter (default: 0.1)" },
    { "output", 'o', "FORMAT", "table, md, csv, or json, which --json is too (default: table)" },
    { "dtype", 0, "LIST", "auto, f32, bf16, int8 (auto: f32 files in f32, others in bf16)" },
    { "device", 'd', "DEVICE", "auto, cpu, cuda or cuda:N" },
    { "tensor-parallel", 0, "N", "split the model between N devices, from --device on" },
    { "threads", 'j', "LIST", "threads (default: the processors that may be used)" },
    { "hub", 0, "DIR|URL",
        "where org/name is found: a mirror tree or a hub (default: HF_ENDPOINT)" },
    { "max-mem", 0, "MIB", "ceiling for the model's weights, keys, values and activations" },
    { "weights", 0, "FORM",
        "auto, expanded or file: whether matrices are expanded in memory, or read from the file "
        "whenever they are used (auto: expanded as far as memory goes)" },
    { "arch", 0, "FILE", "a Lua architecture description in place of the built-in one" },
    { "gemm", 0, "NAME", "auto, dnnl, cublaslt or plain: which matrix product" },
    { NULL, 0, NULL, NULL },
};

/* ---- what was asked for ---- */

static bool number_of(
    const char *name, const char *text, unsigned long max, uint32_t *out, struct err *err) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > max)
        return err_set(
            err, ERR_USAGE, "option '--%s' takes numbers from 1 to %lu, not '%s'", name, max, text);
    *out = (uint32_t)value;
    return true;
}

/* The whole list is in: one item too many is said and not left out. */
static bool list_of(const struct args *args, const char *name, unsigned long max,
    struct bench_list *list, struct err *err) {
    bool ok = true;
    char *item;
    for (unsigned i = 0; ok && (item = args_item(args, name, i)); i++) {
        ok = i < BENCH_LIST_MAX || err_set(err, ERR_USAGE, "option '--%s' takes at most %d numbers",
                                       name, BENCH_LIST_MAX);
        ok = ok && number_of(name, item, max, &list->items[list->n++], err);
        free(item);
    }
    return ok;
}

static bool works_of(const struct args *args, struct bench_list *list, struct err *err) {
    bool ok = true;
    char *item;
    for (unsigned i = 0; ok && i < BENCH_LIST_MAX && (item = args_item(args, "work", i)); i++) {
        enum bench_work work;
        ok = bench_work_parse(item, &work, err);
        free(item);
        if (ok)
            list->items[list->n++] = work;
    }
    return ok;
}

static bool format_of(const struct args *args, enum bench_format *out, struct err *err) {
    static const char *const names[] = { "table", "md", "csv", "json" };
    const char *asked = args_get(args, "output", args_has(args, "json") ? "json" : "table");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(names[i], asked)) {
            *out = (enum bench_format)i;
            return true;
        }
    }
    return err_set(
        err, ERR_USAGE, "option '--output' is table, md, csv or json, not '%.32s'", asked);
}

/* Generation needs a token behind its first one. */
static bool options_of(const struct args *args, struct bench_options *o, struct err *err) {
    unsigned long made, rounds;
    *o = (struct bench_options) { 0 };
    if (!works_of(args, &o->works, err) ||
        !list_of(args, "lengths", LENGTH_MAX, &o->lengths, err) ||
        !list_of(args, "batch", BATCH_MAX, &o->batches, err) ||
        !args_get_uint(args, "made", MADE_DEFAULT, LENGTH_MAX, &made, err) ||
        !args_get_uint(args, "rounds", ROUNDS_DEFAULT, ROUNDS_MAX, &rounds, err) ||
        !args_get_double(args, "seconds", SECONDS_DEFAULT, &o->seconds, err))
        return false;
    if (made < 2 || rounds < 1)
        return err_set(err, ERR_USAGE, "option '--%s' must be at least %d",
            made < 2 ? "made" : "rounds", made < 2 ? 2 : 1);
    o->made = (uint32_t)made;
    o->rounds = (uint32_t)rounds;
    return true;
}

/* ---- a side after the other ---- */

struct bench {
    const struct args *args;
    struct bench_options options;
    struct bench_report *report;
    char *path;
    struct progress *progress;
    uint64_t turns;
};

static void turn(void *arg, const struct bench_case *next) {
    struct bench *b = arg;
    char note[64];
    snprintf(
        note, sizeof note, "%s, %u x %u", bench_work_name(next->work), next->batch, next->length);
    progress_note(b->progress, note);
    progress_set(b->progress, b->turns++);
}

static bool rows_measure(
    struct bench *b, struct bench_rows *rows, struct model *m, struct err *err) {
    b->turns = 0;
    b->progress = progress_start("bench", rows->n * (b->options.rounds + 1), "case");
    bool ok = bench_run(rows, &b->options, m, turn, b, err);
    if (ok)
        progress_set(b->progress, b->turns);
    progress_end(b->progress);
    b->progress = NULL;
    return ok;
}

static bool side_run(struct bench *b, const struct model_options *options, struct err *err) {
    struct bench_rows rows = { 0 };
    double start = clock_s();
    struct model *m = model_open(b->path, options, err);
    struct bench_side side = { .model = b->args->operands[0], .load_s = clock_s() - start };
    bool ok = m && bench_plan(&rows, &b->options, m, err) && rows_measure(b, &rows, m, err);
    if (ok) {
        side.info = *model_info(m);
        side.threads = options->threads ? options->threads : pool_default_threads();
        bench_report_add(b->report, &side, &rows);
    }
    bench_rows_release(&rows);
    model_close(m);
    return ok;
}

/* Everything of the options but dtype and threads, which the lists give. */
static bool model_options_of(
    const struct args *args, struct model_options *options, struct err *err) {
    unsigned long mib, devices;
    *options = (struct model_options) { .device = args_get(args, "device", "auto"),
        .arch_file = args_get(args, "arch", NULL),
        .gemm = args_get(args, "gemm", NULL) };
    if (!weights_form_parse(args_get(args, "weights", "auto"), &options->weights, err) ||
        !args_get_uint(args, "tensor-parallel", 1, DEVICES_MAX, &devices, err) ||
        !args_get_uint(args, "max-mem", 0, 1ul << 30, &mib, err))
        return false;
    options->tensor_parallel = (unsigned)devices;
    options->total_bytes = (size_t)mib << 20;
    return true;
}

static bool threads_run(struct bench *b, struct model_options *options, struct err *err) {
    struct bench_list threads = { 0 };
    bool ok = list_of(b->args, "threads", THREADS_MAX, &threads, err);
    if (threads.n == 0)
        threads.items[threads.n++] = 0;
    for (unsigned i = 0; ok && i < threads.n; i++) {
        options->threads = threads.items[i];
        ok = side_run(b, options, err);
    }
    return ok;
}

static bool sides_run(struct bench *b, struct err *err) {
    struct model_options options;
    if (!model_options_of(b->args, &options, err))
        return false;
    if (!args_has(b->args, "dtype"))
        return threads_run(b, &options, err);
    bool ok = true;
    char *item;
    for (unsigned i = 0; ok && (item = args_item(b->args, "dtype", i)); i++) {
        ok = dtype_parse(item, &options.dtype, err) && threads_run(b, &options, err);
        free(item);
    }
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct bench b = { .args = args };
    enum bench_format format = BENCH_TABLE;
    if (!options_of(args, &b.options, err) || !format_of(args, &format, err) ||
        !(b.path = hub_model_path(args_get(args, "hub", NULL), args->operands[0], err)))
        return false;
    b.report = bench_report_new(format, b.options.rounds);
    bool ok = sides_run(&b, err);
    if (ok)
        bench_report_print(b.report);
    else
        bench_report_free(b.report);
    free(b.path);
    return ok;
}

const struct command cmd_bench = {
    .name = "bench",
    .operands = "MODEL",
    .summary = "how fast a model answers, beside what the device gives",
    .details =
        "Each kind of work runs on batches of random texts that share nothing, all in turn in\n"
        "every round; a figure is the median of the rounds.\n\n"
        "  embed     texts to vectors              classify  texts to class scores\n"
        "  score     one token after each text     rolling   every token of each text\n"
        "  generate  tokens one by one after each text, all texts in one step; only these count\n\n"
        "tokens/s  computed tokens; min-max: the rounds' least and greatest; ms: of the batch, of\n"
        "          generate a step\n"
        "of limit  FLOP/s of products by what multiply-adds in registers reach in the same dtype\n"
        "          right before and after\n"
        "GB/s      weights, keys and values that a step of generate reads; of memory: by what\n"
        "          plain reading reaches (above 100 %: they come from a cache)\n\n"
        "LIST is numbers or names with commas. With several dtypes or threads the model is opened\n"
        "for each.\n\n"
        "  assay bench sentence-transformers/all-MiniLM-L6-v2 --dtype f32,bf16 -o md\n"
        "  assay bench ./model.gguf -w generate -l 128,1024,8192 -b 1,4,16\n"
        "  assay bench ./model -j 1,2,4,8 -o csv > threads.csv\n",
    .options = { options_bench },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
