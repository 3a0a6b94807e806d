/* JSON lines in, JSON lines out (see exchange.h), and the model session under them. */
#include "evaluator/cli/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/profile.h"
#include "evaluator/worker/worker.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)
#define FLUSH_BYTES ((size_t)1 << 20)
#define BLOCK_BYTES ((size_t)1 << 20)

static void write_out(struct exchange *p, struct strbuf *out) {
    if (out->len && fwrite(out->text, 1, out->len, stdout) != out->len && !p->write_errno) {
        p->write_errno = errno ? errno : EIO;
    }
    strbuf_reset(out);
}

static void flush_gathered(struct exchange *p) {
    if (p->answers.out.len >= FLUSH_BYTES) {
        write_out(p, &p->answers.out);
    }
}

static bool refuse_write(const struct exchange *p, struct err *err) {
    errno = p->write_errno;
    return err_errno(err, ERR_FAILED, "could not write to standard output");
}

/* ---- lines in ---- */

/* Reads more behind what is left of the block, which first moves to its front; false at the end of
 * the input. */
static bool refill(struct exchange *p) {
    const size_t left = p->block_end - p->block_at;
    if (p->block_at > 0) {
        memmove(p->block, p->block + p->block_at, left);
    }
    p->block_at = 0;
    mem_grow(&p->block, &p->block_capacity, left + BLOCK_BYTES, 1);
    const size_t got = fread(p->block + left, 1, BLOCK_BYTES, stdin);
    p->block_end = left + got;
    return got > 0;
}

/* The rest of a line that is too long, of which `seen` bytes were read: only its length counts. */
static size_t skip_line(struct exchange *p, size_t seen) {
    do {
        const char *from = p->block + p->block_at;
        const char *newline = memchr(from, '\n', p->block_end - p->block_at);
        const size_t n = newline ? (size_t)(newline - from) : p->block_end - p->block_at;
        seen += n;
        p->block_at += n + (newline != NULL);
        if (newline) {
            break;
        }
    } while (refill(p));
    return seen;
}

/* The next line without its end, whatever bytes it holds, valid until the next call; false at the
 * end of the input. Of a line that is too long only the length is true. */
static bool read_line(struct exchange *p, const char **line, size_t *n) {
    const char *newline = NULL;
    size_t searched = 0;
    for (;;) {
        const size_t there = p->block_end - p->block_at;
        *line = p->block + p->block_at;
        newline = there > searched ? memchr(*line + searched, '\n', there - searched) : NULL;
        searched = there;
        if (!newline && there > LINE_MAX_BYTES) {
            *n = skip_line(p, 0);
            return true;
        }
        if (newline || !refill(p)) {
            break;
        }
    }
    *line = p->block + p->block_at;
    *n = newline ? (size_t)(newline - *line) : p->block_end - p->block_at;
    if (!newline && *n == 0) {
        return false;
    }
    p->block_at += *n + (newline != NULL);
    while (*n && *n <= LINE_MAX_BYTES && (*line)[*n - 1] == '\r') {
        --*n;
    }
    return true;
}

static struct line *add_line(struct exchange *p) {
    mem_grow(&p->lines, &p->capacity, p->n + 1, sizeof *p->lines);
    struct line *line = &p->lines[p->n++];
    memset(line, 0, sizeof *line);
    return line;
}

static bool input_is_fine(struct exchange *p, struct err *err) {
    if (ferror(stdin)) {
        return err_errno(err, ERR_FAILED, "could not read standard input");
    }
    return !p->write_errno ||
           refuse_write(p, err); /* nobody listens any more: no use in going on */
}

bool exchange_read(struct exchange *p, size_t max_lines, bool *more, struct err *err) {
    const char *text;
    size_t n = 0;
    *more = true;
    for (size_t taken = 0; taken < max_lines && (*more = read_line(p, &text, &n)); taken += n > 0) {
        if (n > 0) {
            struct line *line = add_line(p);
            line->text = text;
            line->n = n;
            line_parse(line);
            line->text = NULL; /* the next read overwrites it */
        }
    }
    return input_is_fine(p, err);
}

/* Lines lie in p->gathered, which may move until all are there. */
static void point_at_gathered(struct exchange *p) {
    const char *at = strbuf_str(&p->gathered);
    for (size_t i = 0; i < p->n; i++) {
        p->lines[i].text = at;
        at += p->lines[i].n > LINE_MAX_BYTES ? 0 : p->lines[i].n;
    }
}

bool exchange_gather(
    struct exchange *p, size_t max_lines, size_t max_bytes, bool *more, struct err *err) {
    const char *text;
    size_t n = 0;
    *more = true;
    while (p->n < max_lines && p->gathered.len < max_bytes && (*more = read_line(p, &text, &n))) {
        if (n > 0) {
            add_line(p)->n = n;
            strbuf_add(&p->gathered, text, n > LINE_MAX_BYTES ? 0 : n);
        }
    }
    point_at_gathered(p);
    return input_is_fine(p, err);
}

void line_parse(struct line *line) {
    if (line->n > LINE_MAX_BYTES) {
        err_set(&line->err, ERR_INPUT, "the request is longer than %zu bytes", LINE_MAX_BYTES);
        return;
    }
    line->object = json_parse(line->text, line->n, "request", &line->err);
    if (line->object && !json_is_object(line->object)) {
        err_set(&line->err, ERR_INPUT, "the request is not a JSON object");
    }
}

void line_release(struct line *line) {
    json_decref(line->object);
    line->object = NULL;
}

void exchange_reset(struct exchange *p) {
    for (size_t i = 0; i < p->n; i++) {
        line_release(&p->lines[i]);
    }
    p->n = 0;
    strbuf_reset(&p->gathered);
}

void exchange_release(struct exchange *p) {
    exchange_reset(p);
    free(p->lines);
    free(p->block);
    strbuf_release(&p->gathered);
    strbuf_release(&p->answers.out);
}

/* ---- answers out ---- */

bool answer_begin(struct answers *a, const struct line *line) {
    json_writer_init(&a->json, &a->out, false);
    jw_object(&a->json);
    jw_key(&a->json, "id");
    const json_t *id = line->object ? json_object_get(line->object, "id") : NULL;
    if (id) {
        jw_json(&a->json, id);
    } else {
        jw_null(&a->json);
    }
    if (line->err.class == ERR_NONE) {
        return true;
    }
    jw_kv_string(&a->json, "error", line->err.msg);
    a->n_failed++;
    answer_end(a);
    return false;
}

void answer_end(struct answers *a) {
    jw_end_object(&a->json);
    strbuf_addc(&a->out, '\n');
}

bool exchange_answer(struct exchange *p, const struct line *line) {
    if (answer_begin(&p->answers, line)) {
        return true;
    }
    flush_gathered(p);
    return false;
}

void exchange_answer_end(struct exchange *p) {
    answer_end(&p->answers);
    flush_gathered(p);
}

void exchange_write(struct exchange *p, struct answers *answers) {
    write_out(p, &answers->out);
    p->answers.n_failed += answers->n_failed;
    answers->n_failed = 0;
}

bool exchange_finish(struct exchange *p, struct err *err) {
    write_out(p, &p->answers.out);
    if (fflush(stdout) && !p->write_errno) {
        p->write_errno = errno;
    }
    if (p->write_errno) {
        return refuse_write(p, err);
    }
    if (p->answers.n_failed) {
        err_set(err, ERR_FAILED, "%zu of the requests could not be answered", p->answers.n_failed);
        return err_hint(err, "each has its reason in the field 'error' of its answer");
    }
    return true;
}

bool line_string(struct line *line, const char *key, const char **text, size_t *n) {
    const json_t *value = json_object_get(line->object, key);
    if (!json_is_string(value)) {
        return err_set(&line->err, ERR_INPUT, "'%s' must be a string", key);
    }
    *text = json_string_value(value);
    *n = json_string_length(value);
    return true;
}

bool line_ids(struct line *line, struct arena *arena, const json_t *array, const char *what,
    const int32_t **ids, size_t *n) {
    if (!json_is_array(array)) {
        return err_set(&line->err, ERR_INPUT, "'%s' must be a list of token ids", what);
    }
    *n = json_array_size(array);
    int32_t *out = arena_alloc(arena, (*n + 1) * sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const json_t *item = json_array_get(array, i);
        json_int_t v = json_integer_value(item);
        if (!json_is_integer(item) || v < 0 || v > INT32_MAX) {
            return err_set(&line->err, ERR_INPUT,
                "'%s' must hold token ids, and element %zu is not one", what, i);
        }
        out[i] = (int32_t)v;
    }
    *ids = out;
    return true;
}

int64_t clock_now(void) {
    const char *set = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    const long long seconds = set ? strtoll(set, &end, 10) : 0;
    return set && *set && !*end ? seconds : (int64_t)time(NULL);
}

/* ---- the session ---- */

const struct option options_device[] = {
    { "dtype", 0, "TYPE",
        "auto, f32, bf16, f16 or int8 (auto: f32 files in f32, others in bf16; int8 is faster on "
        "x86-64 and changes answers)" },
    { "device", 'd', "DEVICE", "auto, cpu, cuda or cuda:N" },
    { "threads", 'j', "N", "threads (default: the processors that may be used)" },
    { "hub", 0, "DIR|URL",
        "where org/name is found: a mirror tree or a hub (default: HF_ENDPOINT)" },
    { NULL, 0, NULL, NULL },
};

const struct option options_model[] = {
    { "tensor-parallel", 0, "N",
        "split the model between N devices, from --device on: for one larger than a GPU" },
    { "max-mem", 0, "MIB", "ceiling for the model's weights, keys, values and activations" },
    { "weights", 0, "FORM",
        "auto, expanded or file: whether matrices are expanded in memory, or read from the file "
        "whenever they are used (auto: expanded as far as memory goes)" },
    { "arch", 0, "FILE", "a Lua architecture description in place of the built-in one" },
    { "gemm", 0, "NAME", "auto, dnnl, cublaslt or plain: which matrix product (for tests)" },
    { "no-pack-cache", 0, NULL, "pack the weights anew, and keep nothing of them on disk" },
    { "stats", 0, "FILE", "write counters as one JSON object" },
    { "profile", 0, "NAME",
        "rule set: lm-eval/0.4.13 (default), lm-eval/pre-3347, lighteval, mteb/1, mteb/2" },
    { "add-bos", 0, "RULE", "auto, yes or no (auto: as the tokenizer does)" },
    { NULL, 0, NULL, NULL },
};

double clock_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool model_options_from_args(
    const struct args *args, struct model_options *options, struct err *err) {
    unsigned long threads, mib, devices;
    *options = (struct model_options) {
        .device = args_get(args, "device", "auto"),
        .arch_file = args_get(args, "arch", NULL),
        .gemm = args_get(args, "gemm", NULL),
    };
    if (!dtype_parse(args_get(args, "dtype", "auto"), &options->dtype, err) ||
        !weights_form_parse(args_get(args, "weights", "auto"), &options->weights, err) ||
        !args_get_uint(args, "threads", 0, 1024, &threads, err) ||
        !args_get_uint(args, "tensor-parallel", 1, DEVICES_MAX, &devices, err) ||
        !args_get_uint(args, "max-mem", 0, 1ul << 30, &mib, err)) {
        return false;
    }
    options->tensor_parallel = (unsigned)devices;
    options->threads = (unsigned)threads;
    options->total_bytes = (size_t)mib << 20;
    return true;
}

bool profile_from_args(const struct args *args, const char **profile, struct err *err) {
    struct profile ignored;
    *profile = args_get(args, "profile", NULL);
    return !*profile || profile_parse(*profile, &ignored, err);
}

bool add_bos_from_args(const struct args *args, enum add_bos *out, struct err *err) {
    const char *rule = args_get(args, "add-bos", "auto");
    if (!strcmp(rule, "auto")) {
        *out = ADD_BOS_AUTO;
    } else if (!strcmp(rule, "yes")) {
        *out = ADD_BOS_YES;
    } else if (!strcmp(rule, "no")) {
        *out = ADD_BOS_NO;
    } else {
        return err_set(err, ERR_USAGE, "option '--add-bos' is auto, yes or no, not '%s'", rule);
    }
    return true;
}

static bool show_progress(uint64_t done, uint64_t total, void *arg) {
    struct session *s = arg;
    if (!s->progress) {
        s->progress = progress_start("tokens", total, "tok");
    }
    progress_set(s->progress, done);
    return true;
}

bool session_open(struct session *s, const struct args *args, const char *operand,
    const char *label, struct err *err) {
    (void)label;
    memset(s, 0, sizeof *s);
    s->stats_path = args_get(args, "stats", NULL);
    struct model_options options;
    char *path = NULL;
    double start = clock_s();
    if (!model_options_from_args(args, &options, err) ||
        !(path = hub_model_path(args_get(args, "hub", NULL), operand, err))) {
        return false;
    }
    char *dir = args_has(args, "no-pack-cache") ? NULL : packed_folder();
    options.packs.dir = dir;
    s->model = model_open(path, &options, err);
    free(dir);
    free(path);
    if (s->model) {
        const struct model_info *info = model_info(s->model);
        log_line(LOG_DEBUG, "weights: %u matrices packed, %u found packed in the cache",
            info->n_packed, info->n_found);
    }
    s->load_s = clock_s() - start;
    s->run_s = clock_s();
    s->run =
        (struct run_options) { .progress = show_progress, .progress_arg = s, .stats = &s->stats };
    return s->model != NULL;
}

/* The kernel's high-water mark of this program. That of getrusage would begin with what the process
 * that started us held when it did. */
static long long peak_rss_bytes(void) {
    struct rusage usage;
    char line[256];
    long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && kib == 0 && fgets(line, sizeof line, f)) {
        if (str_begins(line, "VmHWM:")) {
            kib = strtoll(line + strlen("VmHWM:"), NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return 1024 * (kib > 0 || getrusage(RUSAGE_SELF, &usage) ? kib : (long long)usage.ru_maxrss);
}

bool run_report_write(const char *path, const struct run_report *r, struct err *err) {
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, true);
    jw_object(&w);
    jw_kv_double(&w, "load_s", r->load_s);
    jw_kv_double(&w, "run_s", r->run_s);
    jw_kv_int(&w, "items", (long long)r->stats->items);
    jw_kv_int(&w, "tokens_asked", (long long)r->stats->tokens_asked);
    jw_kv_int(&w, "tokens_computed", (long long)r->stats->tokens_computed);
    jw_kv_int(&w, "tokens_padded", (long long)r->stats->tokens_padded);
    jw_kv_int(&w, "rows_filled", (long long)r->stats->rows_filled);
    jw_kv_double(&w, "flops", r->stats->flops);
    jw_kv_int(&w, "memory_bytes", (long long)r->stats->memory_bytes);
    jw_kv_int(&w, "file_weight_bytes", (long long)r->file_weight_bytes);
    jw_kv_int(&w, "peak_rss_bytes", peak_rss_bytes());
    jw_kv_string(&w, "device", r->device);
    jw_kv_string(&w, "dtype", r->dtype);
    jw_kv_string(&w, "backend", r->backend);
    jw_kv_int(&w, "tensor_parallel", r->n_devices);
    jw_kv_int(&w, "weights_packed", r->n_packed);
    jw_kv_int(&w, "weights_found", r->n_found);
    jw_kv_int(&w, "graphs", r->on_device.n_graphs);
    jw_kv_int(&w, "steps_replayed", (long long)r->on_device.n_replayed);
    if (r->on_device.sums) {
        jw_kv_string(&w, "sums_by", r->on_device.sums);
    }
    jw_end_object(&w);
    strbuf_addc(&out, '\n');
    bool ok = file_write_atomic(path, out.text, out.len, err);
    strbuf_release(&out);
    return ok;
}

static bool session_report(const struct session *s, struct err *err) {
    const struct model_info *info = model_info(s->model);
    return run_report_write(s->stats_path,
        &(struct run_report) { .load_s = s->load_s,
            .run_s = clock_s() - s->run_s,
            .stats = &s->stats,
            .file_weight_bytes = info->file_weight_bytes,
            .device = info->device,
            .dtype = info->dtype,
            .backend = info->backend,
            .n_devices = info->n_devices,
            .n_packed = info->n_packed,
            .n_found = info->n_found,
            .on_device = model_device_info(s->model) },
        err);
}

bool session_close(struct session *s, struct err *err) {
    progress_end(s->progress);
    bool ok = !s->model || !s->stats_path || session_report(s, err);
    model_close(s->model);
    memset(s, 0, sizeof *s);
    return ok;
}
