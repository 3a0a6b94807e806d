/* The parent's side: find the file, start the child, answer where the data lies, collect what
 * comes. */
#include "evaluator/task/task.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "evaluator/task/frames.h"
#include "evaluator/task/profile.h"
#include "evaluator/task/ranges.h"
#include "evaluator/task/runner.h"
#include "evaluator/task/tree.h"

/* Which file, and whether it is one of the library's: those may read absolute paths. */
struct place {
    char *path, *variant;
    bool in_tree;
};

static void place_release(struct place *p) {
    free(p->path);
    free(p->variant);
}

bool task_is_path(const char *name) {
    return word_is_path(name, (const char *const[]) { ".lua", NULL });
}

/* The name within `dir` of a file below it; NULL if it lies elsewhere. The caller frees. */
static char *below(const char *dir, const char *path) {
    char *root = realpath(dir, NULL), *file = realpath(path, NULL), *name = NULL;
    size_t n = root ? strlen(root) : 0;
    if (root && file && !strncmp(file, root, n) && file[n] == '/') {
        name = xstrdup(file + n + 1);
    }
    free(root);
    free(file);
    return name;
}

static bool find_place(const struct task_request *q, struct place *p, struct err *err) {
    *p = (struct place) { 0 };
    if (!task_is_path(q->name)) {
        struct task_tree tree = { q->tasks_dir, q->builtin };
        p->in_tree = true;
        return tree_find(&tree, q->name, &p->path, &p->variant, err);
    }
    if (!file_exists(q->name)) {
        return err_set(err, ERR_NOT_FOUND, "no task file '%s'", q->name);
    }
    p->path = q->tasks_dir ? below(q->tasks_dir, q->name) : NULL;
    p->in_tree = p->path != NULL;
    if (!p->path) {
        p->path = xstrdup(q->name);
    }
    return true;
}

/* ---- what the child is asked ---- */

/* One run of the child. */
struct attempt {
    bool header_only, whole; /* whole: rows have all columns, whatever the task's files name */
    bool wider;              /* and another run needs them: nothing of this one is good */
    json_t *problems;        /* what is wrong with the file, the caller's; NULL: nothing */
};

static json_t *request_frame(
    const struct task_request *q, const struct place *p, const struct attempt *a, struct err *err) {
    struct profile profile = { 0 };
    if (q->profile && !profile_parse(q->profile, &profile, err)) {
        return NULL;
    }
    json_t *subsets = q->subsets ? json_array() : NULL;
    for (size_t i = 0; subsets && i < q->n_subsets; i++) {
        json_array_append_new(subsets, json_string(q->subsets[i]));
    }
    json_t *frame = json_pack("{s:s, s:s?, s:s?, s:b, s:b, s:b, s:I, s:i, s:I, s:I, s:s?, s:i, "
                              "s:i, s:i, s:I, s:I, s:b, s:b, s:o*}",
        "path", p->path, "variant", p->variant, "tasks_dir", q->tasks_dir, "in_tree", p->in_tree,
        "header_only", a->header_only, "keep_rows", q->keep_rows, "limit", (json_int_t)q->limit,
        "shots", q->shots < 0 ? -1 : q->shots, "seed", (json_int_t)(q->seed < 0 ? -1 : q->seed),
        "default_seed", (json_int_t)TASK_SEED, "profile", q->profile, "order", (int)profile.order,
        "wording", (int)profile.wording, "cpu_s", (int)(q->cpu_s ? q->cpu_s : 60), "heap_bytes",
        (json_int_t)(q->heap_bytes ? q->heap_bytes : 512UL << 20), "freeze", (json_int_t)q->freeze,
        "replay", q->frozen != NULL, "whole", a->whole, "subsets", subsets);
    if (!frame) {
        err_set(err, ERR_INPUT, "the request is not text");
    }
    return frame;
}

/* The folder that relative paths of a task start from; NULL for the copy of the library in the
 * program. */
static char *task_folder(const struct task_request *q, const struct place *p) {
    char *path =
        p->in_tree ? q->tasks_dir ? path_join(q->tasks_dir, p->path) : NULL : xstrdup(p->path);
    if (path) {
        size_t n = (size_t)(path_base(path) - path);
        path[n] = '\0';
        if (n == 0) {
            free(path);
            path = xstrdup(".");
        }
    }
    return path;
}

/* `file "path"`: below the task's own folder, links followed; absolute for the library's own tasks.
 * The caller frees. */
static char *resolve_file(
    const struct task_request *q, const struct place *p, const char *file, struct err *err) {
    if (*file == '/') {
        if (!p->in_tree) {
            err_set(err, ERR_TASK, "%s: 'file' takes a path relative to the task file, not '%s'",
                p->path, file);
            return NULL;
        }
        char *path = realpath(file, NULL);
        if (!path) {
            err_errno(
                err, ERR_NOT_FOUND, "could not read '%s', which task file %s needs", file, p->path);
        }
        return path;
    }
    char *folder = task_folder(q, p), *joined = folder ? path_join(folder, file) : NULL;
    char *path = joined ? realpath(joined, NULL) : NULL,
         *inside = path ? below(folder, path) : NULL;
    if (!path) {
        err_set(err, ERR_NOT_FOUND, "%s: could not read '%s': %s", p->path, file,
            folder ? strerror(errno) : "the library in the program holds no data");
    } else if (!inside) {
        err_set(err, ERR_TASK, "%s: '%s' lies outside of the task file's folder", p->path, file);
    }
    if (!inside) {
        free(path);
        path = NULL;
    }
    free(folder);
    free(joined);
    free(inside);
    return path;
}

/* A data set of a hub, which becomes the next of `ranges`. */
static bool open_data(
    const struct task_request *q, const json_t *source, struct task_data *data, struct err *err) {
    const char *repo = json_get_string(source, "repo", NULL),
               *revision = json_get_string(source, "revision", NULL);
    return q->open ? q->open(repo, revision, q->resolve_arg, data, err)
                   : q->resolve(repo, revision, q->resolve_arg, &data->dir, err);
}

/* `data` is where a data set of a hub is put. */
static json_t *resolve_source(const struct task_request *q, const struct place *p,
    const json_t *source, struct task_data *data, struct err *err) {
    const char *repo = json_get_string(source, "repo", NULL),
               *file = json_get_string(source, "file", NULL);
    json_t *answer = NULL;
    char *found = NULL;
    if (q->frozen) {
        return json_object();
    }
    if (repo && !repo_id_valid(repo)) {
        err_set(err, ERR_TASK, "%s: '%s' is not the name of a data set", p->path, repo);
    } else if (repo && !q->resolve && !q->open) {
        err_set(err, ERR_AUTH, "%s: data set '%s' is needed, and there is no hub to take it from",
            p->path, repo);
    } else if (repo) {
        if (open_data(q, source, data, err)) {
            answer = json_pack("{s:s, s:I}", "dir", data->dir, "n_remote",
                (json_int_t)(data->remote ? data->remote->n : 0));
        }
    } else if (file && (found = resolve_file(q, p, file, err)) != NULL) {
        answer = json_pack(
            "{s:s, s:s?}", "file", found, "format", json_get_string(source, "format", NULL));
    }
    free(found);
    return answer;
}

static bool answer_sources(const struct task_request *q, const struct place *p, struct task *t,
    struct runner *r, struct ranges *ranges, struct err *err) {
    json_t *list = json_array();
    const json_t *source, *sources = json_object_get(t->header, "sources");
    size_t i;
    bool ok = json_array_size(sources) <= sizeof ranges->data / sizeof *ranges->data ||
              err_set(err, ERR_TASK, "%s: more than 64 data sources", p->path);
    json_array_foreach(sources, i, source) {
        json_t *answer = ok ? resolve_source(q, p, source, &ranges->data[ranges->n++], err) : NULL;
        ok = answer != NULL;
        if (!ok) {
            break;
        }
        json_array_append_new(list, answer);
    }
    json_t *frame = json_pack(
        "{s:o, s:I}", "sources", list, "n_frozen", (json_int_t)json_array_size(q->frozen));
    ok = ok && runner_send(r, frame, err) && ranges_send(ranges, r, err);
    json_decref(frame);
    for (i = 0; ok && i < json_array_size(q->frozen); i++) {
        ok = runner_send(r, json_array_get(q->frozen, i), err);
    }
    return ok;
}

/* ---- what it says ---- */

/* The first frame. Problems of the file are left in the header for those who want them all. */
static bool receive_header(
    struct task *t, const struct place *p, struct runner *r, json_t **problems, struct err *err) {
    json_t *frame = runner_receive(r, err), *header = json_object_get(frame, "header");
    bool ok = frame != NULL;
    *problems = json_incref(json_object_get(header, "problems"));
    if (ok && json_object_get(frame, "error")) {
        ok = frames_error(json_object_get(frame, "error"), err);
    } else if (ok && !*problems) {
        ok = header ? frames_header(t, p->path, header, err)
                    : err_set(err, ERR_INPUT, "the task's process did not say what it runs");
    }
    json_decref(frame);
    return ok;
}

/* A corpus may be of any length as long as it comes: so much for so many passages. */
enum { GRANT_PASSAGES = 10000, GRANT_S = 5 };

static bool receive_documents(
    struct task *t, struct runner *r, struct ranges *ranges, struct attempt *a, struct err *err) {
    for (size_t granted = GRANT_PASSAGES;;) {
        if (t->retrieval.n_passages >= granted) {
            granted += GRANT_PASSAGES;
            runner_grant(r, GRANT_S);
        }
        json_t *frame = runner_receive(r, err), *end = json_object_get(frame, "end");
        const json_t *error = json_object_get(frame, "error"),
                     *read = json_object_get(frame, "read");
        a->wider = !a->whole && json_object_get(frame, "wider");
        bool ok = frame && (error     ? frames_error(error, err)
                               : end  ? frames_complete(t, end, err)
                               : read ? ranges_serve(ranges, r, read, err)
                                      : a->wider || frames_document(t, frame, err));
        bool last = !ok || end || a->wider;
        json_decref(frame);
        if (last) {
            return ok;
        }
    }
}

static bool first_problem(const struct place *p, const json_t *problems, struct err *err) {
    const json_t *first = json_array_get(problems, 0);
    const char *field = json_get_string(first, "field", "");
    size_t n = json_array_size(problems);
    err_set(err, ERR_TASK, "%s:%lld: %s%s%s%s", p->path, json_get_int(first, "line", 1),
        *field ? "'" : "", field, *field ? "' " : "",
        json_get_string(first, "message", "is wrong"));
    if (n > 1) {
        err_hint(err, "'assay task lint' shows all %zu problems", n);
    }
    return false;
}

/* The error's text begins with the task's path, whoever wrote it. */
static bool name_task(const struct place *p, const char *name, struct err *err) {
    return strstr(err->msg, p->path ? p->path : name) ? false : err_wrap(err, "task '%s'", name);
}

static bool run_child(const struct task_request *q, const struct place *p, struct attempt *a,
    struct task *t, struct err *err) {
    struct runner r;
    struct ranges ranges = { 0 };
    unsigned wall_s = q->wall_s ? q->wall_s : 300;
    json_t *request = request_frame(q, p, a, err);
    if (!request || !runner_start(&r, q->program, q->cpu_s ? q->cpu_s : 60, wall_s, err)) {
        json_decref(request);
        return false;
    }
    bool ok = runner_send(&r, request, err);
    json_decref(request);
    ok = ok && receive_header(t, p, &r, &a->problems, err);
    if (ok && !a->problems && !a->header_only && t->info.kind != TASK_SUITE) {
        ok = answer_sources(q, p, t, &r, &ranges, err) && receive_documents(t, &r, &ranges, a, err);
    }
    runner_stop(&r);
    ranges_close(&ranges);
    return ok || name_task(p, q->name, err);
}

static struct task *task_new(const struct task_request *q) {
    struct task *t = xcalloc(1, sizeof *t);
    t->frozen = q->freeze ? json_array() : NULL;
    return t;
}

static struct task *load(const struct task_request *q, bool header_only, struct err *err) {
    struct place p;
    struct attempt a = { .header_only = header_only };
    struct task *t = task_new(q);
    bool ok = find_place(q, &p, err) && run_child(q, &p, &a, t, err);
    if (ok && a.wider) {
        task_free(t);
        t = task_new(q);
        a = (struct attempt) { .whole = true };
        ok = run_child(q, &p, &a, t, err);
    }
    if (ok && a.problems) {
        ok = first_problem(&p, a.problems, err);
    }
    json_decref(a.problems);
    place_release(&p);
    if (!ok) {
        task_free(t);
        return NULL;
    }
    return t;
}

/* ---- the door ---- */

struct task *task_load(const struct task_request *request, struct err *err) {
    return load(request, false, err);
}

struct task *task_describe(const struct task_request *request, struct err *err) {
    return load(request, true, err);
}

void task_free(struct task *t) {
    if (!t) {
        return;
    }
    json_decref(t->header);
    json_decref(t->frozen);
    free(t->docs);
    free(t->retrieval.passages);
    spool_free(t->retrieval.texts);
    free(t->retrieval.corpora);
    free(t->retrieval.judgements);
    free(t->training.examples);
    free(t->training.experiments);
    free(t->samplings);
    ids_free(t->passage_ids);
    spool_free(t->ids);
    strmap_free(t->query_ids);
    arena_release(&t->arena);
    free(t);
}

const struct task_info *task_info(const struct task *t) {
    return &t->info;
}

const struct task_doc *task_docs(const struct task *t, size_t *n) {
    *n = t->n_docs;
    return t->docs;
}

const struct task_retrieval *task_retrieval(const struct task *t) {
    return task_kind_ranks(t->info.kind) ? &t->retrieval : NULL;
}

void task_forget_texts(const struct task_retrieval *r) {
    if (r->texts) {
        spool_forget(r->texts);
    }
}

const struct task_training *task_training(const struct task *t) {
    return t->training.n_experiments ? &t->training : NULL;
}

const struct task_sampling *task_samplings(const struct task *t, size_t *n) {
    *n = t->n_samplings;
    return t->samplings;
}

const json_t *task_frozen(const struct task *t) {
    return t->frozen;
}

char *task_test_path(const struct task_request *request, const struct task *described) {
    struct place p;
    struct err ignored = ERR_INIT;
    struct strbuf path = { 0 };
    char *folder = find_place(request, &p, &ignored) ? task_folder(request, &p) : NULL;
    if (folder) {
        const char *base = path_base(p.path);
        size_t n = strlen(base) > 4 ? strlen(base) - 4 : strlen(base);
        bool family = memchr(base, '@', n) != NULL; /* a file for many tasks */
        size_t end = strlen(folder);
        strbuf_addf(&path, "%s%s", folder, end && folder[end - 1] != '/' ? "/" : "");
        strbuf_addf(&path, "%.*s.test.jsonl", family ? (int)strlen(described->info.name) : (int)n,
            family ? described->info.name : base);
    }
    place_release(&p);
    free(folder);
    return folder ? strbuf_take(&path) : NULL;
}

/* The field that a message is about: "doc: row 3: ..." or "... has no option 'tset' ..."; *message
 * goes on after the first. */
static void find_field(const char **message, char *field, size_t size) {
    static const char OPTION[] = "option '";
    size_t n = strspn(*message, "abcdefghijklmnopqrstuvwxyz_");
    const char *option = strstr(*message, OPTION);
    *field = 0;
    if (n && !strncmp(*message + n, ": row ", 6)) {
        snprintf(field, size, "%.*s", (int)n, *message);
        *message += n + 2;
    } else if (option) {
        option += sizeof OPTION - 1;
        snprintf(field, size, "%.*s", (int)strcspn(option, "'"), option);
    }
}

/* "path:line: message" taken apart. */
json_t *task_problem(const char *path, const struct err *err) {
    const char *message = err->msg, *at = strstr(err->msg, path);
    char field[64];
    long line = 1;
    if (at && at[strlen(path)] == ':') {
        char *end;
        long n = strtol(at + strlen(path) + 1, &end, 10);
        bool lined = *end == ':' && n > 0;
        line = lined ? n : line;
        message = lined ? end + 1 : at + strlen(path) + 1;
        message += strspn(message, " ");
    }
    find_field(&message, field, sizeof field);
    return json_pack("{s:s, s:I, s:s, s:s}", "file", path, "line", (json_int_t)line, "field", field,
        "message", message);
}

bool task_lint(const struct task_request *request, json_t **problems, struct err *err) {
    struct place p;
    struct task *t = xcalloc(1, sizeof *t);
    struct err why = ERR_INIT;
    bool ok = find_place(request, &p, err);
    *problems = NULL;
    struct attempt a = { .header_only = true };
    bool ran = ok && run_child(request, &p, &a, t, &why);
    *problems = a.problems;
    if (ok && !ran) {
        ok = why.class == ERR_TASK || why.class == ERR_UNSUPPORTED;
        *problems = ok ? json_pack("[o]", task_problem(p.path, &why)) : NULL;
        if (!ok) {
            *err = why;
        }
    }
    if (ok && !*problems) {
        *problems = json_array();
    }
    for (size_t i = 0; ok && i < json_array_size(*problems); i++) {
        json_object_set_new(json_array_get(*problems, i), "file", json_string(p.path));
    }
    task_free(t);
    place_release(&p);
    return ok;
}

static bool list_entry(const struct tree_entry *entry, void *arg) {
    json_array_append_new(arg, json_pack("{s:s, s:s}", "name", entry->name, "file", entry->file));
    return true;
}

json_t *task_list(const char *tasks_dir, const struct embedded *builtin, struct err *err) {
    struct task_tree tree = { tasks_dir, builtin };
    json_t *list = json_array();
    if (!tree_each(&tree, list_entry, list, err)) {
        json_decref(list);
        return NULL;
    }
    return list;
}
