/* `assay __task PARENT`: reads one request, runs one task file, sends frames, ends. The order is
 * what keeps it safe: the request comes from our own parent; then the walls go up; then the task
 * file is read; then, once it has said what data it needs and the parent has said where that lies,
 * reading anything else is given up too. */
#include <errno.h>
#include <lauxlib.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "evaluator/task/ranges.h"
#include "evaluator/task/runner.h"
#include "evaluator/task/runtime.h"
#include "evaluator/task/task.h"
#include "evaluator/task/wire.h"
#include "evaluator/worker/doors.h"

enum { IN = 0, OUT = 1 };

static bool enter_sandbox(struct runtime *r, const json_t *request, pid_t parent, struct err *err) {
    struct sandbox_limits limits = {
        .profile = SANDBOX_PARSER,
        .parent = parent,
        .cpu_s = (unsigned)json_get_int(request, "cpu_s", 60),
        .cpu_most_s = RUNNER_MOST_S,
        /* Lua's heap is bounded by its allocator; this is for the rest: readers, decompressed
           pages. */
        .memory_bytes = (unsigned long)json_get_int(request, "heap_bytes", 0) + (2UL << 30),
        .n_files = 64,
    };
    return sandbox_enter(&limits, &r->sandbox, err);
}

/* Pushes driver[name] and the value of the task file, which is at the bottom of the stack. */
static void push_driver(lua_State *L, const char *name) {
    lua_getfield(L, LUA_REGISTRYINDEX, RUNTIME_DRIVER);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_pushvalue(L, 1);
}

static json_t *describe(struct runtime *r, const json_t *request, struct err *err) {
    push_driver(r->L, "describe");
    luabox_push_json(r->L, request);
    if (!runtime_call(r, 2, 1, err)) {
        return NULL;
    }
    json_t *header = luabox_to_json(r->L, -1, err);
    lua_pop(r->L, 1);
    return header;
}

/* "repo@revision" of every hub data set: part of the task's identity. */
static void add_revisions(const json_t *header, struct strbuf *out) {
    size_t i;
    const json_t *source;
    json_array_foreach(json_object_get(header, "sources"), i, source) {
        const char *repo = json_get_string(source, "repo", NULL);
        if (repo) {
            strbuf_addf(out, "%s@%s\n", repo, json_get_string(source, "revision", ""));
        }
    }
}

static bool send_header(struct runtime *r, json_t *header, struct err *err) {
    char sha256[65];
    struct strbuf revisions = { 0 };
    add_revisions(header, &revisions);
    runtime_task_sha256(r, strbuf_str(&revisions), sha256);
    strbuf_release(&revisions);
    json_object_set_new(header, "task_sha256", json_string(sha256));
    json_object_set_new(header, "degraded", json_string(r->sandbox.degraded));
    json_t *frame = json_pack("{sO}", "header", header);
    bool ok = wire_put(&r->out, frame, err) && wire_flush(&r->out, err);
    json_decref(frame);
    return ok;
}

static char *copied(const json_t *object, const char *key) {
    const char *s = json_get_string(object, key, NULL);
    return s ? xstrdup(s) : NULL;
}

/* Rows in the place of data: each in a message of its own, as they may be long. */
static bool receive_frozen(struct runtime *r, struct wire *in, long long n, struct err *err) {
    for (long long i = 0; i < n; i++) {
        json_t *frame = wire_read(in, err);
        if (!frame) {
            return err->class != ERR_NONE
                       ? false
                       : err_set(err, ERR_INTERRUPTED, "the parent process is gone");
        }
        runtime_thaw(r, frame);
        json_decref(frame);
    }
    return true;
}

/* The parent's answer: for each source a folder or a file. From here on nothing else can be read.
 */
static bool receive_sources(struct runtime *r, struct wire *in, struct err *err) {
    json_t *answer = wire_read(in, err);
    if (!answer) {
        return err->class != ERR_NONE ? false
                                      : err_set(err, ERR_INTERRUPTED, "the parent process is gone");
    }
    const json_t *source, *list = json_object_get(answer, "sources");
    long long n_frozen = json_get_int(answer, "n_frozen", 0);
    const char *paths[RUNTIME_MAX_SOURCES + 1] = { NULL };
    size_t i, n_remote[RUNTIME_MAX_SOURCES] = { 0 };
    json_array_foreach(list, i, source) {
        if (i == RUNTIME_MAX_SOURCES) {
            break;
        }
        r->sources[i] = (struct runtime_source) { .dir = copied(source, "dir"),
            .file = copied(source, "file"),
            .format = copied(source, "format") };
        paths[i] = r->sources[i].dir ? r->sources[i].dir : r->sources[i].file;
        r->n_sources = i + 1;
        n_remote[i] = (size_t)json_get_int(source, "n_remote", 0);
    }
    json_decref(answer);
    for (i = 0; i < r->n_sources; i++) {
        if (n_remote[i] &&
            !(r->sources[i].ranges = child_ranges_receive(in, &r->out, i, n_remote[i], err))) {
            return false;
        }
    }
    return receive_frozen(r, in, n_frozen, err) && doors_close_but(paths, &r->sandbox, err);
}

/* In place of whatever came out of it: the task looked at columns that its rows did not have. */
static bool send_wider(struct runtime *r, struct err *err) {
    json_t *frame = json_pack("{s:b}", "wider", true);
    bool ok = wire_put(&r->out, frame, err) && wire_flush(&r->out, err);
    json_decref(frame);
    return ok;
}

static bool send_documents(struct runtime *r, const json_t *request, struct err *err) {
    push_driver(r->L, "run");
    luabox_push_json(r->L, request);
    luabox_refill(r->box);
    bool ran = runtime_call(r, 2, 0, err);
    if (r->wider) {
        return send_wider(r, err);
    }
    if (!ran) {
        return false;
    }
    char sha256[65];
    runtime_data_sha256(r, sha256);
    json_t *frame =
        json_pack("{s{ssss}}", "end", "data_sha256", sha256, "degraded", r->sandbox.degraded);
    bool ok = wire_put(&r->out, frame, err) && wire_flush(&r->out, err);
    json_decref(frame);
    return ok;
}

static bool serve(struct runtime *r, struct wire *in, const json_t *request, struct err *err) {
    unsigned long heap = (unsigned long)json_get_int(request, "heap_bytes", 0);
    if (json_object_get(request, "peek")) {
        return peek_serve(r->out.fd, request, &r->sandbox, err);
    }
    if (!runtime_open(r, json_get_string(request, "variant", NULL), heap, err)) {
        return false;
    }
    json_t *header = describe(r, request, err);
    if (!header) {
        return false;
    }
    bool problems = json_object_get(header, "problems") != NULL, ok = send_header(r, header, err);
    json_decref(header);
    if (!ok || problems || json_get_bool(request, "header_only", false)) {
        return ok;
    }
    return receive_sources(r, in, err) && send_documents(r, request, err);
}

static void send_error(const struct err *why) {
    struct err ignored = ERR_INIT;
    char message[sizeof why->msg], hint[sizeof why->hint];
    memcpy(message, why->msg, sizeof message);
    memcpy(hint, why->hint, sizeof hint);
    json_t *frame = json_pack("{s{s:s, s:s+, s:s+}}", "error", "class", err_info(why->class)->name,
        "message", message, "", "hint", hint, "");
    if (!frame) { /* not UTF-8 */
        frame = json_pack("{s{s:s, s:s, s:s}}", "error", "class", err_info(why->class)->name,
            "message", "the task failed with a message that is not text", "hint", "");
    }
    if (!wire_write(OUT, frame, &ignored)) {
        _exit(1);
    }
    json_decref(frame);
}

static bool run(int argc, char **argv, const struct embedded *builtin, struct err *err) {
    struct wire in;
    /* Letter case must not depend on where this runs; later the locale's file could not be read any
     * more. */
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        return err_set(err, ERR_NODE, "this system has no locale C.UTF-8");
    }
    wire_init(&in, IN, 0);
    json_t *request = argc == 3 ? wire_read(&in, err) : NULL;
    if (!request) {
        return err->class != ERR_NONE
                   ? false
                   : err_set(err, ERR_USAGE, "__task is for the program's own use");
    }
    struct runtime *r = xcalloc(1, sizeof *r);
    r->out.fd = OUT;
    r->tree = (struct task_tree) { json_get_string(request, "tasks_dir", NULL), builtin };
    r->path = json_get_string(request, "path", "");
    r->in_tree = json_get_bool(request, "in_tree", false);
    r->freeze = (size_t)json_get_int(request, "freeze", 0);
    r->replay = json_get_bool(request, "replay", false);
    r->whole = json_get_bool(request, "whole", false) || r->freeze || r->replay;
    return enter_sandbox(r, request, (pid_t)strtol(argv[2], NULL, 10), err) &&
           serve(r, &in, request, err);
}

_Noreturn void task_child_main(int argc, char **argv, const struct embedded *builtin) {
    struct err err = ERR_INIT;
    bool ok = run(argc, argv, builtin, &err);
    if (!ok) {
        send_error(&err);
    }
    /* Not exit(): what is left is the kernel's to free, and leak checkers may not look around in
     * here. */
    _exit(ok ? 0 : 1);
}
