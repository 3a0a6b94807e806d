/* The child's side of a job's process (see worker.h): fetch, shut the doors, evaluate, report. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/hub/hub.h"
#include "evaluator/metric/instruct.h"
#include "evaluator/policy/lineage.h"
#include "evaluator/task/library.h"
#include "evaluator/task/task.h"
#include "evaluator/worker/doors.h"
#include "evaluator/worker/session.h"
#include "evaluator/worker/worker.h"
#include "harness/harness.h"
#include "version.h"

#define SPEC_MAX ((size_t)1 << 20)
#define CPU_DEFAULT_S (6u * 3600) /* for each thread: the kernel counts them all */
#define THREADS_MAX 4096
#define HALVINGS_MAX 2

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool session_send(enum frame_tag tag, json_t *json, struct err *err) {
    struct strbuf text = { 0 };
    struct json_writer w;
    json_writer_init(&w, &text, false);
    jw_json(&w, json);
    bool ok = frame_write(STDOUT_FILENO, tag, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    json_decref(json);
    return ok;
}

static void send_error(const struct session *s, const struct err *why) {
    struct err ignored = ERR_INIT;
    json_t *json = json_pack("{s:s, s:s, s:s, s:I}", "class", err_info(why->class)->name, "message",
        why->msg, "hint", why->hint, "needs_mb", (json_int_t)s->needs_mb);
    if (!json) { /* a message that is not UTF-8 */
        json = json_pack("{s:s, s:s, s:s}", "class", err_info(why->class)->name, "message",
            "an error that is not text", "hint", "");
    }
    if (!session_send(FRAME_ERROR, json, &ignored)) {
        _exit(1);
    }
}

/* At most four times a second, and at the end of each stretch. */
static bool report_progress(uint64_t done, uint64_t total, void *arg) {
    struct session *s = arg;
    double now = now_s();
    if (total && 2 * done >= total && fault("half")) {
        return false;
    }
    if (now - s->reported < 0.25 && done < total) {
        return true;
    }
    s->reported = now;
    struct err ignored = ERR_INIT;
    return session_send(FRAME_PROGRESS,
        json_pack("{s:s, s:I, s:I}", "label", s->label, "done", (json_int_t)done, "total",
            (json_int_t)total),
        &ignored);
}

void session_at(struct session *s, const char *label) {
    s->label = label;
    report_progress(0, 0, s);
}

/* ---- what it needs, while there is a network ---- */

bool session_is_dry(const struct session *s) {
    return json_get_bool(s->spec, "dry_run", false);
}

static bool open_data(
    const char *repo, const char *revision, void *arg, struct task_data *data, struct err *err) {
    const struct session *s = arg;
    struct hub_data_request q = {
        .hub = json_get_string(s->spec, "hub", NULL), .repo = repo, .revision = revision
    };
    return hub_stream_parse(json_get_string(s->spec, "stream_data", NULL), &q.stream, err) &&
           task_data_fetch(&q, data, err);
}

/* A job is about the task as it was when it was submitted: the database takes no other's result.
 * What is reproduced is about the same rows besides. */
static bool is_as_submitted(const struct task *task, const json_t *wanted, struct err *err) {
    const struct task_info *info = task_info(task);
    const char *task_sha256 = json_get_string(wanted, "task_sha256", info->task_sha256),
               *data_sha256 = json_get_string(wanted, "data_sha256", info->data_sha256);
    if (strcmp(task_sha256, info->task_sha256)) {
        return err_set(err, ERR_TASK, "task '%s': the task file is not the one that was submitted",
            info->name);
    }
    return !strcmp(data_sha256, info->data_sha256) ||
           err_set(err, ERR_INPUT,
               "task '%s': its data are not those of the record: data_sha256 is %.12s, the record "
               "says %.12s",
               info->name, info->data_sha256, data_sha256);
}

static bool load_task(struct session *s, const json_t *wanted, struct err *err) {
    const char *subsets[256];
    const json_t *list = json_object_get(wanted, "subsets");
    struct task_request r = TASK_REQUEST_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (r.n_subsets < sizeof subsets / sizeof *subsets && json_is_string(item)) {
            subsets[r.n_subsets++] = json_string_value(item);
        }
    }
    r.subsets = r.n_subsets ? subsets : NULL;
    r.name = json_get_string(wanted, "name", "");
    r.limit = json_get_int(wanted, "limit", 0);
    r.shots = (int)json_get_int(wanted, "shots", -1);
    r.seed = json_get_int(wanted, "seed", -1);
    r.profile = json_get_string(wanted, "profile", NULL);
    r.keep_rows = json_get_bool(s->spec, "keep_rows", false);
    r.open = open_data;
    r.resolve_arg = s;
    task_library_fill(&r, json_get_string(s->spec, "tasks_dir", NULL));
    session_at(s, r.name);
    s->tasks[s->n_tasks] = task_load(&r, err);
    s->wanted[s->n_tasks] = wanted;
    return s->tasks[s->n_tasks++] && is_as_submitted(s->tasks[s->n_tasks - 1], wanted, err);
}

static bool skip_named(const char *task, const char *why, struct err *err) {
    return session_send(FRAME_SKIPPED, json_pack("{s:s, s:s}", "task", task, "why", why), err);
}

/* A task that a walk may come to later: what is wrong with it is its own job's to say. */
static bool leave_out(
    struct session *s, const json_t *wanted, const struct err *why, struct err *err) {
    task_free(s->tasks[s->n_tasks - 1]);
    s->tasks[s->n_tasks - 1] = NULL;
    return skip_named(json_get_string(wanted, "name", ""), why->msg, err);
}

static bool load_tasks(struct session *s, struct err *err) {
    size_t i;
    json_t *wanted;
    json_array_foreach(json_object_get(s->spec, "tasks"), i, wanted) {
        if (i == SESSION_TASKS_MAX) {
            return err_set(err, ERR_USAGE, "more than %d tasks at once", SESSION_TASKS_MAX);
        }
        bool later = i > 0 && json_get_bool(s->spec, "walk", false);
        struct err why = ERR_INIT;
        if (!load_task(s, wanted, &why) && (!later || !leave_out(s, wanted, &why, err))) {
            *err = later ? *err : why;
            return false;
        }
    }
    return !fault("tasks") || err_set(err, ERR_NODE, "could not load tasks: asked to fail");
}

static bool fetch_model(struct session *s, struct err *err) {
    session_at(s, "fetching the model");
    const char *hub = json_get_string(s->spec, "hub", NULL),
               *model = json_get_string(s->spec, "model", "");
    s->model_path = session_is_dry(s) ? hub_model_outline(hub, model, &s->missing, err)
                                      : hub_model_path(hub, model, err);
    if (fault("downloaded")) {
        return err_set(err, ERR_NETWORK, "could not fetch the model: asked to fail");
    }
    return s->model_path && (session_is_dry(s) || session_find_revision(s, err));
}

/* ---- behind closed doors ---- */

static void drop_secrets(void) {
    static const char *const SECRETS[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH" };
    for (size_t i = 0; i < sizeof SECRETS / sizeof *SECRETS; i++) {
        char *value = getenv(SECRETS[i]);
        if (value) {
            explicit_bzero(value, strlen(value));
        }
        unsetenv(SECRETS[i]);
    }
}

/* Sanitizers reserve terabytes of address space that they never use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ADDRESS_SPACE_LIMITED = 0 };
#else
enum { ADDRESS_SPACE_LIMITED = 1 };
#endif

/* What was given, else as much as the machine has, and room for a model's file to be mapped
 * beside it. */
static unsigned long memory_limit(const struct session *s) {
    long long mb = json_get_int(s->spec, "memory_mb", 0);
    if (mb > 0) {
        return (unsigned long)mb << 20;
    }
    unsigned long machine =
        (unsigned long)sysconf(_SC_PHYS_PAGES) * (unsigned long)sysconf(_SC_PAGESIZE);
    return ADDRESS_SPACE_LIMITED ? 2 * machine : 0;
}

static unsigned processor_time(const struct session *s) {
    long long cpu_s = json_get_int(s->spec, "cpu_s", 0);
    long long threads = json_get_int(s->spec, "threads", 0);
    if (cpu_s > 0) {
        return cpu_s < UINT32_MAX ? (unsigned)cpu_s : UINT32_MAX - 1;
    }
    if (threads <= 0) {
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return CPU_DEFAULT_S * (unsigned)(threads < 1             ? 1
                                      : threads < THREADS_MAX ? threads
                                                              : THREADS_MAX);
}

/* CUDA maps its devices' memory at addresses of its own, far more than there is; it opens files of
 * the driver, and its threads' names, for writing, and makes files in memory. Its module may lie
 * where the job may not look. NCCL is not tried: it wants sockets, and devices add up to the same
 * bits without it. */
static void let_gpu_in(struct sandbox_limits *limits, struct arena *arena) {
    gpu_bring();
    setenv("ASSAY_NCCL", "", 1);
    limits->memory_bytes = 0;
    limits->file_bytes =
        (unsigned long)RLIM_INFINITY; /* files that lie on no disk, behind these doors */
    limits->devices = doors_gpu_devices(arena);
}

const char *session_languages(void) {
    struct err err = ERR_INIT;
    char *dir = instruct_folder(&err);
    if (dir && dir_exists(dir)) {
        setenv("ASSAY_LANGUAGES", dir, 1);
    }
    free(dir);
    return getenv("ASSAY_LANGUAGES");
}

static bool shut_in(struct session *s, struct err *err) {
    int keep[STORE_N + 2];
    struct arena arena = { 0 };
    session_kept_descriptors(s, keep);
    struct sandbox_limits limits = {
        .profile = SANDBOX_COMPUTE,
        .cpu_s = processor_time(s),
        .memory_bytes = memory_limit(s),
        .n_files = 256,
        .keep = keep,
    };
    if (json_get_bool(s->spec, "walk", false)) {
        limits.cpu_s *= (unsigned)s->n_tasks;
    }
    s->room = json_get_bool(s->spec, "admit", false) ? memory_left() : 0;
    s->packs_dir = json_get_bool(s->spec, "packs", true) && !s->missing ? packed_folder() : NULL;
    const char *const extras[DOORS_EXTRAS] = { json_get_string(s->spec, "arch", NULL), s->packs_dir,
        session_languages() };
    drop_secrets();
    if (str_begins(json_get_string(s->spec, "device", "auto"), "cuda")) {
        let_gpu_in(&limits, &arena);
    }
    bool ok = sandbox_enter(&limits, &s->sandbox, err) &&
              doors_close(s->model_path, extras, &s->sandbox, err) &&
              frame_write(STDOUT_FILENO, FRAME_SHUT, "", 0, err);
    arena_release(&arena);
    return ok;
}

static bool open_model(struct session *s, struct err *err) {
    const json_t *spec = s->spec;
    struct model_options o = {
        .device = json_get_string(spec, "device", "auto"),
        .tensor_parallel = (unsigned)json_get_int(spec, "tensor_parallel", 1),
        .threads = (unsigned)json_get_int(spec, "threads", 0),
        .arch_file = json_get_string(spec, "arch", NULL),
        .gemm = json_get_string(spec, "gemm", NULL),
        .total_bytes = (size_t)json_get_int(spec, "max_mem_mb", 0) << 20,
        .halvings = s->halvings,
        .packs = { .dir = s->packs_dir, .frozen = true }, /* what it read could write there */
        .outline = s->missing > 0,
    };
    session_at(s, "loading the model");
    if (!dtype_parse(json_get_string(spec, "dtype", "auto"), &o.dtype, err) ||
        !weights_form_parse(json_get_string(spec, "weights", "auto"), &o.weights, err) ||
        (s->room && !session_admit(s, &o, err))) {
        return false;
    }
    if (fault("device_lost")) {
        return err_set(err, ERR_NODE, "device lost: asked to fail");
    }
    s->model = model_open(s->model_path, &o, err);
    return s->model != NULL;
}

static void close_model(struct session *s) {
    subject_free(s->subject);
    s->subject = NULL;
    for (int kind = 0; kind < STORE_N; kind++) {
        memo_close(s->memos[kind]);
        s->memos[kind] = NULL;
    }
    chat_template_close(s->chat);
    s->chat = NULL;
    model_close(s->model);
    s->model = NULL;
}

/* What was planned with was not to be had: the same in smaller steps, which change no bit. */
static bool goes_on_in_less(struct session *s, struct err *why) {
    close_model(s);
    if (why->class != ERR_RESOURCE || s->needs_mb || s->halvings == HALVINGS_MAX) {
        return false;
    }
    s->halvings++;
    *why = (struct err)ERR_INIT;
    return true;
}

static bool open_subject(struct session *s, struct err *err) {
    struct err why = ERR_INIT;
    while (!open_model(s, &why) || !(s->subject = session_subject(s, &why))) {
        if (!goes_on_in_less(s, &why)) {
            *err = why;
            return false;
        }
    }
    return true;
}

static bool send_samples(const struct strbuf *samples, struct err *err) {
    for (size_t at = 0; at < samples->len; at += FRAME_MAX) {
        size_t n = samples->len - at < FRAME_MAX ? samples->len - at : FRAME_MAX;
        if (!frame_write(STDOUT_FILENO, FRAME_SAMPLES, samples->text + at, n, err)) {
            return false;
        }
    }
    return true;
}

static struct eval_options options_of(struct session *s, size_t which) {
    return (struct eval_options) { .progress = report_progress,
        .progress_arg = s,
        .bootstrap = (unsigned)json_get_int(s->wanted[which], "bootstrap", 0),
        .build = ASSAY_BUILD };
}

static bool evaluate(
    struct session *s, const struct subject *subject, size_t which, struct err *err) {
    struct strbuf samples = { 0 };
    json_t *result = NULL;
    const struct task *task = s->tasks[which];
    struct eval_options options = options_of(s, which);
    uint64_t reused = session_reused(s);
    uint8_t mark[MEMO_KEY];
    s->label = task_info(task)->name;
    session_delivery_key(s, task_info(task), mark);
    bool ok = eval_run(task, subject, &options, &result,
        json_get_bool(s->spec, "samples", true) ? &samples : NULL, err);
    if (ok) {
        json_object_set_new(
            result, "answers_reused", json_integer((json_int_t)(session_reused(s) - reused)));
        json_object_set_new(result, "delivered", json_boolean(session_was_delivered(s, mark)));
        json_object_set_new(result, "add_bos",
            s->remote ? json_null() : json_string(json_get_string(s->spec, "add_bos", "auto")));
        session_add_settings(s, which, result);
        session_add_remote(s, result);
    }
    if (ok && s->sandbox.degraded[0]) {
        json_object_set_new(result, "sandbox", json_string(s->sandbox.degraded));
    }
    ok = ok && send_samples(&samples, err) && session_announce(s, mark, err) &&
         session_send(FRAME_RESULT, result, err);
    strbuf_release(&samples);
    return ok || err_wrap(err, "task '%s'", task_info(task)->name);
}

/* Nothing of a task is sent before all of it has been asked, so it may be asked again. */
static bool evaluate_in_room(struct session *s, size_t which, struct err *err) {
    struct err why = ERR_INIT;
    if (session_is_remote(s)) {
        return evaluate(s, s->subject, which, err);
    }
    while (!evaluate(s, s->subject, which, &why)) {
        if (!goes_on_in_less(s, &why)) {
            *err = why;
            return false;
        }
        if (!open_subject(s, err)) {
            return false;
        }
    }
    return true;
}

/* ---- some documents ---- */

/* "only" of the spec, its strings borrowed; the arrays are the caller's to free. */
static void read_part(const json_t *only, struct eval_part *part) {
    const json_t *docs = json_object_get(only, "docs"),
                 *passages = json_object_get(only, "passages");
    size_t *positions = xcalloc(json_array_size(docs) + 1, sizeof *positions);
    const char **ids = xcalloc(json_array_size(passages) + 1, sizeof *ids);
    *part = (struct eval_part) { .docs = positions, .passages = ids };
    for (; part->n < json_array_size(docs); part->n++) {
        json_int_t at = json_integer_value(json_array_get(docs, part->n));
        positions[part->n] = at < 0 ? SIZE_MAX : (size_t)at;
    }
    for (; part->n_passages < json_array_size(passages); part->n_passages++) {
        const char *id = json_string_value(json_array_get(passages, part->n_passages));
        ids[part->n_passages] = id ? id : "";
    }
}

/* As evaluate, for a few documents: there is no score, only samples. */
static bool evaluate_part(struct session *s, size_t which, struct err *err) {
    const struct subject *subject = s->subject;
    struct eval_part part;
    struct strbuf samples = { 0 };
    struct eval_options options = options_of(s, which);
    const struct task_info *info = task_info(s->tasks[which]);
    read_part(json_object_get(s->spec, "only"), &part);
    s->label = info->name;
    bool ok = eval_part(s->tasks[which], subject, &part, &options, &samples, err);
    json_t *result = json_pack("{s:s, s:n, s:s, s:s, s:s, s:s, s:s}", "task", info->name,
        "revision", "device", subject->device, "dtype", subject->dtype, "backend", subject->backend,
        "harness_build", ASSAY_BUILD, "data_sha256", info->data_sha256);
    ok = ok && send_samples(&samples, err) && session_send(FRAME_RESULT, json_incref(result), err);
    json_decref(result);
    strbuf_release(&samples);
    free((void *)(uintptr_t)part.docs);
    free((void *)(uintptr_t)part.passages);
    return ok || err_wrap(err, "task '%s'", info->name);
}

/* What a task would take, without doing it. */
static bool plan(struct session *s, size_t which, struct err *err) {
    if (session_is_remote(s)) {
        return session_plan_remote(s, which, err);
    }
    const struct subject *subject = s->subject;
    struct run_stats stats = { 0 };
    const struct task *task = s->tasks[which];
    const struct task_info *info = task_info(task);
    uint64_t reused = session_reused(s);
    s->label = info->name;
    bool measure = s->flops_per_s == 0 && s->missing == 0;
    if ((measure && !model_speed(s->model, &s->flops_per_s, err)) ||
        !eval_plan(task, subject, &stats, err)) {
        return err_wrap(err, "task '%s'", info->name);
    }
    uint64_t to_ask = stats.items - (session_reused(s) - reused);
    uint64_t vector_bytes = task_kind_embeds(info->kind) ? subject->width * sizeof(float) : 0;
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:I, s:I, s:I}", "task", info->name,
            "requests", (json_int_t)stats.items, "reused", (json_int_t)(stats.items - to_ask),
            "shots", (json_int_t)info->shots, "tokens_asked", (json_int_t)stats.tokens_asked,
            "tokens_computed", (json_int_t)stats.tokens_computed, "flops", stats.flops, "seconds",
            s->flops_per_s > 0 ? json_real(stats.flops / s->flops_per_s) : json_null(),
            "memory_bytes", (json_int_t)stats.memory_bytes, "disk_bytes",
            (json_int_t)(to_ask * vector_bytes), "fetch_bytes", (json_int_t)s->missing);
    return session_send(FRAME_PLAN, json, err);
}

static bool can_be_asked(const struct subject *subject, const struct task *task) {
    const struct task_info *info = task_info(task);
    enum task_kind kind = info->kind;
    return task_kind_embeds(kind)  ? subject->embed != NULL
           : kind == TASK_GENERATE ? subject->generate != NULL
           : kind == TASK_CHOICE ? subject->score || (subject->pick && letters_measure(info->main))
                                 : subject->score != NULL;
}

static bool skip(const struct session *s, const struct task *task, struct err *err) {
    const struct task_info *info = task_info(task);
    return skip_named(info->name,
        task_kind_embeds(info->kind) ? "it needs a model that embeds"
        : s->subject->pick           ? "it needs log-likelihoods"
                                     : "it needs a language model",
        err);
}

/* Tasks of a suite that are for another kind of model are skipped, but not all of them. */
static bool evaluate_all(struct session *s, struct err *err) {
    size_t n_done = 0;
    bool (*act)(struct session *, size_t, struct err *) = session_is_dry(s) ? plan
                                                          : json_object_get(s->spec, "only")
                                                              ? evaluate_part
                                                              : evaluate_in_room;
    for (size_t i = 0; i < s->n_tasks; i++) {
        bool skipped = json_get_bool(s->wanted[i], "of_suite", false) &&
                       !can_be_asked(s->subject, s->tasks[i]);
        if (!(skipped ? skip(s, s->tasks[i], err) : act(s, i, err))) {
            return false;
        }
        n_done += !skipped;
    }
    return n_done || err_set(err, ERR_UNSUPPORTED, "none of the tasks can be asked of this model");
}

/* The place of the task that is asked for; -1: nothing more will be. */
static long next_asked(void) {
    char text[24] = "";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        ssize_t got;
        do {
            got = read(SESSION_ASKED_FD, text + n, 1);
        } while (got < 0 && errno == EINTR);
        if (got != 1 || text[n] == '\n') {
            return got == 1 ? strtol(text, NULL, 10) : -1;
        }
    }
    return -1;
}

/* The model stays open from task to task; what one of them fails with ends the walk. */
static bool walk(struct session *s, struct err *err) {
    for (long which; (which = next_asked()) >= 0;) {
        (void)fault("asked");
        if ((size_t)which >= s->n_tasks || !s->tasks[which]) {
            return err_set(err, ERR_BUG, "asked for a task that is not loaded");
        }
        if (!can_be_asked(s->subject, s->tasks[which])) {
            return err_set(err, ERR_UNSUPPORTED, "none of the tasks can be asked of this model");
        }
        if (!evaluate_in_room(s, (size_t)which, err) ||
            !frame_write(STDOUT_FILENO, FRAME_WAITS, "", 0, err)) {
            return false;
        }
    }
    return true;
}

/* Where its weights come from is told before they are put to work. A file that can't be read says
 * so when it is opened. */
static bool send_prints(struct session *s, struct err *err) {
    struct err ignored = ERR_INIT;
    if (!json_get_bool(s->spec, "prints", false) || s->missing) {
        return true;
    }
    json_t *prints = lineage_prints(s->model_path, &ignored);
    return !prints || session_send(FRAME_PRINTS, prints, err);
}

static bool work(struct session *s, struct err *err) {
    if (session_is_remote(s)) {
        return load_tasks(s, err) && session_open_remote(s, err) && evaluate_all(s, err);
    }
    if (!load_tasks(s, err) || !fetch_model(s, err) || !session_find_stores(s, err) ||
        !shut_in(s, err) || !send_prints(s, err) || !open_subject(s, err) || fault("parsed")) {
        return false;
    }
    return json_get_bool(s->spec, "walk", false) ? walk(s, err) : evaluate_all(s, err);
}

static json_t *read_spec(struct err *err) {
    struct strbuf text = { .max = SPEC_MAX };
    char chunk[4096];
    ssize_t n;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0) {
        strbuf_add(&text, chunk, (size_t)n);
    }
    json_t *spec = json_parse(strbuf_str(&text), text.len, "job", err);
    strbuf_release(&text);
    return spec;
}

_Noreturn void child_main(void) {
    struct err err = ERR_INIT;
    struct session s = { .label = "", .memo_fds = { -1, -1 } };
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGPIPE, SIG_IGN);
    signal(
        SIGXFSZ, SIG_IGN); /* standard error may be a file, and behind closed doors none may grow */
    progress_disable();
    s.spec = read_spec(&err);
    bool ok = s.spec && work(&s, &err);
    if (!ok) {
        send_error(&s, &err);
    }
    for (size_t i = 0; i < s.n_tasks; i++) {
        task_free(s.tasks[i]);
    }
    close_model(&s);
    session_close_remote(&s);
    free(s.model_path);
    free(s.packs_dir);
    json_decref(s.spec);
    ok = ok && frame_write(STDOUT_FILENO, FRAME_DONE, "", 0, &err);
    exit(ok ? 0 : 1);
}
