/* Pullers for Slurm (see slurm.h). */
#include "evaluator/cli/slurm.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "evaluator/cli/database.h"
#include "harness/harness.h"

#define JOB_NAME "assay-worker"
#define SIGNAL_BEFORE_S 300 /* SIGUSR1, that long before the end: Slurm may be a minute early */
#define MARGIN_S 60
#define ASK_S 60 /* for an answer of Slurm's */
#define OUTPUT_MAX ((size_t)8 << 20)
enum { WORKERS_DEFAULT = 8, WORKERS_MAX = 10000, MINUTES_DEFAULT = 240, IDLE_DEFAULT_S = 600 };

/* ---- the script ---- */

/* Words of a cluster's own, and paths: nothing that a line of #SBATCH could be broken with. */
static bool is_plain(const char *text, const char *more) {
    static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    for (const char *c = text; *c; c++) {
        if (!strchr(PLAIN, *c) && !strchr(more, *c)) {
            return false;
        }
    }
    return *text && *text != '-' && strlen(text) < PATH_MAX;
}

static bool check(const char *what, const char *text, const char *more, struct err *err) {
    return !text || is_plain(text, more) ||
           err_set(err, ERR_USAGE, "cannot give Slurm a %s called '%.80s'", what, text);
}

/* Slurm shows a job's script to everybody who may see the job. */
static bool is_secret(const char *database) {
    const char *user = database ? strstr(database, "://") : NULL,
               *at = user ? strchr(user + 3, '@') : NULL,
               *colon = at ? strchr(user + 3, ':') : NULL;
    return database && (strstr(database, "password") || (colon && colon < at));
}

static void quote(struct strbuf *out, const char *text) {
    strbuf_addc(out, '\'');
    for (; *text; text++) {
        strbuf_adds(out, *text == '\'' ? "'\\''" : (char[2]) { *text, 0 });
    }
    strbuf_addc(out, '\'');
}

static void add_export(struct strbuf *out, const char *name, const char *value) {
    if (value) {
        strbuf_addf(out, "export %s=", name);
        quote(out, value);
        strbuf_addc(out, '\n');
    }
}

static void add_option(struct strbuf *out, const char *name, const char *value) {
    if (value) {
        strbuf_addf(out, " --%s=", name);
        quote(out, value);
    }
}

static void add_number(struct strbuf *out, const char *name, unsigned value) {
    if (value) {
        strbuf_addf(out, " --%s=%u", name, value);
    }
}

static unsigned signal_before(const struct slurm_plan *p) {
    return p->minutes * 60 / 2 < SIGNAL_BEFORE_S ? p->minutes * 60 / 2 : SIGNAL_BEFORE_S;
}

static void add_directives(const struct slurm_plan *p, struct strbuf *out) {
    strbuf_addf(out, "#SBATCH --job-name=" JOB_NAME "\n#SBATCH --array=0-%u\n", p->n - 1);
    strbuf_addf(
        out, "#SBATCH --time=%u\n#SBATCH --signal=B:USR1@%u\n", p->minutes, signal_before(p));
    strbuf_adds(out, "#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --export=NONE\n");
    strbuf_addf(out, "#SBATCH --output=%s/slurm-%%A_%%a.log\n", p->log_dir);
    if (p->memory_mb) {
        strbuf_addf(out, "#SBATCH --mem=%u\n", p->memory_mb);
    }
    if (p->threads) {
        strbuf_addf(out, "#SBATCH --cpus-per-task=%u\n", p->threads);
    }
    if (p->device && str_begins(p->device, "cuda")) {
        strbuf_addf(
            out, "#SBATCH --gres=gpu:%u\n", p->tensor_parallel > 1 ? p->tensor_parallel : 1);
    }
    if (p->partition) {
        strbuf_addf(out, "#SBATCH --partition=%s\n", p->partition);
    }
    if (p->constraint) {
        strbuf_addf(out, "#SBATCH --constraint=%s\n", p->constraint);
    }
}

/* exec: Slurm's signal goes to the batch process alone, so that must be the worker. */
static void add_worker(const struct slurm_plan *p, struct strbuf *out) {
    unsigned idle_s = p->idle_s ? p->idle_s : IDLE_DEFAULT_S;
    add_export(out, "ASSAY_HOME", p->home);
    add_export(out, "HF_TOKEN_PATH", p->token_path);
    strbuf_adds(out, "exec ");
    quote(out, p->program);
    strbuf_adds(out, " worker --no-progress");
    add_number(out, "max-seconds", p->minutes * 60 > MARGIN_S ? p->minutes * 60 - MARGIN_S : 1);
    add_number(out, "idle", idle_s);
    add_number(out, "lease", p->lease_s);
    add_number(out, "max-mem", p->memory_mb);
    add_number(out, "threads", p->threads);
    add_number(out, "tensor-parallel", p->tensor_parallel);
    add_option(out, "db", p->database);
    add_option(out, "hub", p->hub);
    add_option(out, "tasks", p->tasks);
    add_option(out, "device", p->device);
    add_option(out, "dtype", p->dtype);
    add_option(out, "stream-data", p->stream_data);
    strbuf_addc(out, '\n');
}

bool slurm_script(const struct slurm_plan *p, struct strbuf *out, struct err *err) {
    if (!check("partition", p->partition, ",", err) ||
        !check("constraint", p->constraint, "&|[]*(),", err) ||
        !check("folder for logs", p->log_dir, "/", err)) {
        return false;
    }
    if (is_secret(p->database)) {
        err_set(err, ERR_USAGE, "the database's address has a password, which Slurm would show");
        return err_hint(err, "put it into a password file (~/.pgpass or passfile=) on the nodes");
    }
    strbuf_adds(out, "#!/bin/sh\n");
    add_directives(p, out);
    add_worker(p, out);
    return true;
}

/* ---- what is there ---- */

static bool is_there(const char *state, bool *there) {
    static const char *const THERE[] = { "PENDING", "RUNNING", "CONFIGURING", "SUSPENDED",
        "REQUEUED", "RESIZING", "STAGE_OUT", "SIGNALING", "STOPPED", "PREEMPTED", NULL };
    static const char *const PAST[] = { "COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT",
        "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED", "REQUEUE_HOLD",
        "REQUEUE_FED", "SPECIAL_EXIT", NULL };
    for (int past = 0; past < 2; past++) {
        for (const char *const *s = past ? PAST : THERE; *s; s++) {
            if (strcmp(*s, state) == 0) {
                *there = !past;
                return true;
            }
        }
    }
    return false;
}

/* "123_4 RUNNING" */
static bool read_line(const char *line, size_t n, bool *there) {
    char copy[96], state[40];
    unsigned long job, task;
    int end = 0;
    if (n >= sizeof copy || memchr(line, 0, n)) {
        return false;
    }
    memcpy(copy, line, n);
    copy[n] = 0;
    bool ok = (sscanf(copy, "%lu_%lu %39[A-Z_]%n", &job, &task, state, &end) == 3 ||
                  sscanf(copy, "%lu %39[A-Z_]%n", &job, state, &end) == 2) &&
              copy[end] == 0 && copy[0] >= '0' && copy[0] <= '9';
    return ok && is_there(state, there);
}

bool slurm_count(const char *text, size_t n, unsigned *count, struct err *err) {
    *count = 0;
    for (size_t at = 0, line = 1; at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - text) - at : n - at;
        bool there = false;
        if (!end || !read_line(text + at, length, &there)) {
            return err_set(err, ERR_FAILED, "cannot read line %zu of squeue's list: '%.*s'", line,
                (int)(length < 60 ? length : 60), text + at);
        }
        *count += there;
        at += length + 1;
    }
    return true;
}

/* A program of Slurm's, to its end; *out is the caller's to release. */
static bool ask(const char *const argv[], const char *input, struct strbuf *out, struct err *err) {
    static const char *const PASSED_ON[] = { "PATH", "HOME", "LANG", "USER", "LOGNAME",
        "SLURM_CONF", "SLURM_CONF_SERVER", NULL };
    char *path = proc_find(argv[0], NULL), **env = proc_env(PASSED_ON);
    const char *words[16] = { path };
    struct proc_result r = { 0 };
    struct proc_options o = { .env = (const char *const *)env,
        .input = input,
        .input_n = input ? strlen(input) : 0,
        .output_max = OUTPUT_MAX,
        .timeout_s = ASK_S };
    for (size_t i = 1; argv[i]; i++) {
        BUG_IF(i + 1 >= sizeof words / sizeof *words);
        words[i] = argv[i];
    }
    bool ok =
        path || err_set(err, ERR_NOT_FOUND, "there is no '%s' here: is Slurm installed?", argv[0]);
    ok = ok && proc_run(words, &o, &r, err);
    if (ok && (r.exit_code != 0 || r.timed_out || r.out.len >= OUTPUT_MAX)) {
        char line[200];
        snprintf(
            line, sizeof line, "%.*s", (int)strcspn(strbuf_str(&r.err), "\n"), strbuf_str(&r.err));
        ok = err_set(err, ERR_FAILED, "'%s' failed: %s", argv[0],
            r.timed_out ? "no answer"
            : *line     ? line
                        : "it did not say why");
    }
    if (ok) {
        *out = r.out;
        r.out = (struct strbuf) { 0 };
    }
    proc_result_release(&r);
    proc_env_free(env);
    free(path);
    return ok;
}

static bool count_there(unsigned *count, struct err *err) {
    static const char *const SQUEUE[] = { "squeue", "-h", "-r", "--me", "-n", JOB_NAME, "-o",
        "%i %T", NULL };
    struct strbuf out = { 0 };
    bool ok = ask(SQUEUE, NULL, &out, err) && slurm_count(strbuf_str(&out), out.len, count, err);
    strbuf_release(&out);
    return ok;
}

/* ---- of a worker that Slurm has started ---- */

unsigned slurm_feature_mb(const char *node) {
    const char *at = strstr(node, "ActiveFeatures=");
    unsigned gib = 0;
    for (at = at ? at + 15 : ""; *at && *at != ' ' && *at != '\n'; at += *at == ',') {
        char unit;
        size_t n = strcspn(at, ", \n");
        if (sscanf(at, "gpu_mem_%4u%c", &gib, &unit) == 2 && unit == 'g' && gib > 0) {
            return gib * 1024;
        }
        at += n;
    }
    return 0;
}

static unsigned number_of(const char *name) {
    const char *text = getenv(name);
    unsigned long value = text ? strtoul(text, NULL, 10) : 0;
    return value < 1u << 30 ? (unsigned)value : 0;
}

static unsigned memory_of_node(void) {
    const char *const name = getenv("SLURMD_NODENAME");
    const char *const SCONTROL[] = { "scontrol", "-o", "show", "node", name, NULL };
    struct strbuf out = { 0 };
    struct err ignored = ERR_INIT;
    unsigned mb = 0;
    if (name && is_plain(name, "") && ask(SCONTROL, NULL, &out, &ignored)) {
        mb = slurm_feature_mb(strbuf_str(&out));
    }
    strbuf_release(&out);
    return mb;
}

bool slurm_fill(struct worker_options *o, struct err *err) {
    const char *gpus = getenv("CUDA_VISIBLE_DEVICES");
    bool wants_gpu = o->device && str_begins(o->device, "cuda");
    if (!getenv("SLURM_JOB_ID")) {
        return true;
    }
    if (wants_gpu && (!gpus || !*gpus)) {
        return err_set(err, ERR_NODE, "Slurm gave this worker no GPU, and '--device' wants one");
    }
    if (!o->threads) {
        o->threads = number_of("SLURM_CPUS_PER_TASK");
    }
    if (!o->memory_mb) {
        o->memory_mb = wants_gpu ? memory_of_node() : number_of("SLURM_MEM_PER_NODE");
    }
    return true;
}

/* ---- the difference ---- */

static bool ask_one(struct db *db, const char *name, const struct db_arg *args, size_t n,
    long long *out, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(db, name, args, n, &rows, err)) {
        return false;
    }
    *out = rows.n ? rows_int(&rows, 0, "n") : 0;
    rows_release(&rows);
    return true;
}

/* Until the connection closes nobody else submits for this database. */
static bool lock_fleet(struct db *db, struct err *err) {
    long long held;
    return ask_one(db, "fleet_lock", DB_NO_ARGS, &held, err) &&
           (held || err_set(err, ERR_BUSY, "another 'assay worker --slurm' is at it"));
}

static bool read_plan(
    const struct args *args, struct slurm_plan *p, unsigned *most, struct err *err) {
    unsigned long minutes, workers, memory, threads, devices, idle, lease;
    if (!args_get_uint(args, "time", MINUTES_DEFAULT, 60 * 24 * 30, &minutes, err) ||
        !args_get_uint(args, "max-workers", WORKERS_DEFAULT, WORKERS_MAX, &workers, err) ||
        !args_get_uint(args, "max-mem", 0, 1u << 30, &memory, err) ||
        !args_get_uint(args, "threads", 0, 1024, &threads, err) ||
        !args_get_uint(args, "tensor-parallel", 0, DEVICES_MAX, &devices, err) ||
        !args_get_uint(args, "idle", 0, 1u << 30, &idle, err) ||
        !args_get_uint(args, "lease", 0, 3600, &lease, err)) {
        return false;
    }
    *p = (struct slurm_plan) { .minutes = (unsigned)minutes,
        .memory_mb = (unsigned)memory,
        .threads = (unsigned)threads,
        .tensor_parallel = (unsigned)devices,
        .idle_s = (unsigned)idle,
        .lease_s = (unsigned)lease,
        .partition = args_get(args, "partition", NULL),
        .constraint = args_get(args, "constraint", NULL),
        .database = args_get(args, "db", getenv("ASSAY_DATABASE_URL")),
        .hub = args_get(args, "hub", getenv("HF_ENDPOINT")),
        .tasks = args_get(args, "tasks", getenv("ASSAY_TASKS")),
        .token_path = getenv("HF_TOKEN_PATH"),
        .device = args_get(args, "device", NULL),
        .dtype = args_get(args, "dtype", NULL),
        .stream_data = args_get(args, "stream-data", NULL) };
    *most = (unsigned)workers;
    return minutes >= 1 || err_set(err, ERR_USAGE, "option '--time' is at least 1 minute");
}

static bool submit(const struct args *args, const struct slurm_plan *p, struct err *err) {
    static const char *const SBATCH[] = { "sbatch", "--parsable", NULL };
    struct strbuf script = { 0 }, out = { 0 };
    bool ok = slurm_script(p, &script, err);
    if (ok && args_has(args, "dry-run")) {
        fputs(strbuf_str(&script), stdout);
    } else if (ok) {
        ok = ask(SBATCH, strbuf_str(&script), &out, err);
        if (ok) {
            log_line(LOG_INFO, "submitted %u workers, Slurm's job %.*s", p->n,
                (int)strspn(strbuf_str(&out), "0123456789"), strbuf_str(&out));
        }
    }
    strbuf_release(&script);
    strbuf_release(&out);
    return ok;
}

/* What a puller held that was killed is put back first: it may have been the last of them, and
 * where there is no worker nobody else would. */
static bool scale(
    struct db *db, const struct args *args, struct slurm_plan *p, unsigned most, struct err *err) {
    long long depth;
    int n_lost;
    unsigned there = 0, memory_mb = p->memory_mb ? p->memory_mb : INT_MAX;
    if (!lock_fleet(db, err) || !queue_reap(db, &n_lost, err) ||
        !ask_one(db, "queue_depth", DB_ARGS(db_int(memory_mb)), &depth, err) ||
        !count_there(&there, err)) {
        return false;
    }
    unsigned wanted = depth < most ? (unsigned)depth : most;
    p->n = wanted > there ? wanted - there : 0;
    log_line(LOG_INFO, "%lld jobs could be claimed, %u workers are there, at most %u: %u more",
        depth, there, most, p->n);
    return p->n == 0 || submit(args, p, err);
}

bool slurm_scale(const struct args *args, struct err *err) {
    struct slurm_plan p;
    unsigned most;
    char program[PATH_MAX] = "";
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    char *home = assay_home(err), *logs = home ? path_join(home, "log") : NULL;
    bool ok = logs && n > 0 && read_plan(args, &p, &most, err) && dir_make(logs, err);
    struct db *db = ok ? database_open(args, err) : NULL;
    if (db) {
        p.program = program;
        p.home = home;
        p.log_dir = logs; /* a folder that is not there would end each of them without a word */
        ok = scale(db, args, &p, most, err);
    }
    db_close(db);
    free(logs);
    free(home);
    return ok && db;
}
