/* A job about a remote model: there is no model to be opened, and the network stays. The process
 * that holds the key reads the endpoint's replies and its own two files, nothing else; tasks' Lua
 * has run in processes of their own, which never had it. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "evaluator/worker/doors.h"
#include "evaluator/worker/session.h"

bool session_is_remote(const struct session *s) {
    return remote_is_name(json_get_string(s->spec, "model", ""));
}

uint64_t session_reused(const struct session *s) {
    return s->remote ? remote_reused(s->remote) : subject_memo_reused(s->subject);
}

static void forget_key(const struct api *api) {
    char *value = api->key_env ? getenv(api->key_env) : NULL;
    if (value) {
        explicit_bzero(value, strlen(value));
        unsetenv(api->key_env);
    }
}

static bool find_api(struct session *s, const struct api **api, struct err *err) {
    char *path = apis_path(json_get_string(s->spec, "apis", NULL), err);
    *api = path && apis_read(&s->apis, path, err)
               ? apis_find(&s->apis, path, json_get_string(s->spec, "model", ""), err)
               : NULL;
    free(path);
    return *api != NULL;
}

/* A way to ask that the endpoint has not. */
static bool check_template(const struct api *api, const char *how, struct err *err) {
    return !strcmp(how, "none") || api->speaks == API_CHAT ||
           err_set(err, ERR_UNSUPPORTED, "api '%s' is asked for %s: there is no chat template",
               api->name, api_speaks_name(api->speaks));
}

static bool open_kept(struct session *s, const struct api *api, struct err *err) {
    const json_t *memo = json_object_get(s->spec, "memo");
    struct remote_options options = { .api = api,
        .dry = session_is_dry(s),
        .afresh = json_is_object(memo) && !json_get_bool(memo, "vectors", true),
        .turns = !strcmp(json_get_string(s->spec, "template", "none"), "turns") };
    bool keyed = options.dry || api_key(api, &options.key, err);
    forget_key(api);
    s->remote = keyed ? remote_open(&options, err) : NULL;
    return s->remote != NULL;
}

static bool shut_in(struct session *s, struct err *err) {
    int keep[REMOTE_KEPT_MAX];
    remote_kept(s->remote, keep);
    struct sandbox_limits limits = { .profile = SANDBOX_REMOTE,
        .n_files = 1024,
        .file_bytes = (unsigned long)RLIM_INFINITY,
        .keep = keep };
    return sandbox_enter(&limits, &s->sandbox, err) &&
           doors_close_remote(session_languages(), &s->sandbox, err) &&
           frame_write(STDOUT_FILENO, FRAME_SHUT, "", 0, err);
}

bool session_open_remote(struct session *s, struct err *err) {
    const struct api *api;
    session_at(s, "opening the api");
    if (!find_api(s, &api, err) ||
        !check_template(api, json_get_string(s->spec, "template", "none"), err) ||
        !open_kept(s, api, err) ||
        !session_send(FRAME_MODEL, json_pack("{s:s, s:s}", "identity", "", "revision", ""), err) ||
        !shut_in(s, err)) {
        return false;
    }
    s->subject = remote_subject(s->remote, err);
    return s->subject != NULL;
}

void session_close_remote(struct session *s) {
    remote_close(s->remote);
    apis_release(&s->apis);
}

void session_add_remote(struct session *s, json_t *result) {
    if (!s->remote) {
        return;
    }
    json_t *remote = remote_provenance(s->remote);
    json_object_set_new(remote, "bill", remote_bill(s->remote));
    json_object_set_new(result, "remote", remote);
}

bool session_plan_remote(struct session *s, size_t task, struct err *err) {
    struct run_stats stats = { 0 };
    const struct task_info *info = task_info(s->tasks[task]);
    uint64_t reused = session_reused(s);
    s->label = info->name;
    if (!eval_plan(s->tasks[task], s->subject, &stats, err)) {
        return err_wrap(err, "task '%s'", info->name);
    }
    json_t *bill = remote_bill(s->remote);
    json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:n, s:I, s:I, s:I, s:o}", "task",
        info->name, "requests", (json_int_t)stats.items, "reused",
        (json_int_t)(session_reused(s) - reused), "shots", (json_int_t)info->shots, "tokens_asked",
        (json_int_t)json_get_int(bill, "input_tokens", 0), "tokens_computed",
        (json_int_t)json_get_int(bill, "input_tokens", 0), "flops", 0.0, "seconds", "memory_bytes",
        (json_int_t)0, "disk_bytes", (json_int_t)0, "fetch_bytes", (json_int_t)0, "bill", bill);
    return session_send(FRAME_PLAN, json, err);
}
