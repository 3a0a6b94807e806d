/* The memos of a job's process: opened before its doors close, read behind them, added to by frames
 * to the parent (see store.h). */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "evaluator/task/task.h"
#include "evaluator/worker/session.h"
#include "harness/harness.h"
#include "version.h"

/* Opened for reading while that is allowed; made if need be, so that there is something to open. */
static int open_store(const struct session *s, enum store_kind kind) {
    struct err ignored = ERR_INIT;
    char *path = store_path(kind, s->identity, &ignored);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | (session_is_dry(s) ? 0 : O_CREAT), 0600) : -1;
    free(path);
    return fd;
}

bool session_find_stores(struct session *s, struct err *err) {
    const json_t *memo = json_object_get(s->spec, "memo");
    const char *arch = json_get_string(s->spec, "arch", NULL);
    memo = json_is_object(memo) ? memo : NULL;
    if ((memo && !model_identity(s->model_path, arch, s->identity, err)) ||
        !session_send(FRAME_MODEL,
            json_pack("{s:s, s:s}", "identity", s->identity, "revision", s->revision), err)) {
        return false;
    }
    if (!memo) {
        return true;
    }
    if (json_get_bool(memo, "vectors", false)) {
        s->memo_fds[STORE_VECTORS] = open_store(s, STORE_VECTORS);
    }
    s->memo_fds[STORE_ANSWERS] = open_store(s, STORE_ANSWERS);
    return true;
}

void session_kept_descriptors(const struct session *s, int keep[STORE_N + 2]) {
    int a = s->memo_fds[STORE_VECTORS], b = s->memo_fds[STORE_ANSWERS], n = 0;
    if (json_get_bool(s->spec, "walk", false)) {
        keep[n++] = SESSION_ASKED_FD;
    }
    if (a >= 0 && (b < 0 || a < b)) {
        keep[n++] = a;
    }
    if (b >= 0) {
        keep[n++] = b;
    }
    if (a >= 0 && b >= 0 && b < a) {
        keep[n++] = a;
    }
    keep[n] = -1;
}

static bool keep_records(enum store_kind kind, const void *records, size_t n, struct err *err) {
    struct strbuf frame = { .max = FRAME_MAX };
    strbuf_addc(&frame, (char)kind);
    strbuf_add(&frame, records, n);
    bool ok = frame.overflow || frame_write(STDOUT_FILENO, FRAME_MEMO, frame.text, frame.len, err);
    strbuf_release(&frame);
    return ok;
}

static bool keep_vectors(const void *records, size_t n, void *arg, struct err *err) {
    (void)arg;
    return keep_records(STORE_VECTORS, records, n, err);
}

static bool keep_answers(const void *records, size_t n, void *arg, struct err *err) {
    (void)arg;
    return keep_records(STORE_ANSWERS, records, n, err);
}

static void open_memos(struct session *s) {
    static memo_keep_fn *const keep[STORE_N] = { keep_vectors, keep_answers };
    const json_t *memo = json_object_get(s->spec, "memo");
    for (int kind = 0; kind < STORE_N && *s->identity; kind++) {
        bool old = kind == STORE_VECTORS || json_get_bool(memo, "resume", false);
        bool wanted = kind == STORE_ANSWERS || json_get_bool(memo, "vectors", false);
        struct memo_options o = { .fd = s->memo_fds[kind],
            .skip_old = !old,
            .keep = session_is_dry(s) || s->memo_fds[kind] < 0 ? NULL : keep[kind] };
        s->memos[kind] = wanted ? memo_open(&o) : NULL;
    }
}

/* All about the way of running that can change a bit of an answer. */
static char *run_identity(const struct session *s) {
    struct strbuf out = { 0 };
    if (session_is_remote(s)) {
        return strbuf_take(&out);
    }
    const struct model_info *info = model_info(s->model);
    strbuf_addf(&out, "%s|%s|%s|%s|%s|%s|%s", s->identity, ASSAY_BUILD, info->device, info->backend,
        info->gemm, info->dtype, json_get_string(s->spec, "add_bos", "auto"));
    return strbuf_take(&out);
}

/* So that a prompt is the same tomorrow: the first of January 2026, for templates that ask for the
 * date. */
#define TEMPLATE_DATE ((int64_t)1767225600)

/* Conversations go through the model's own template where that was asked for. */
static bool open_chat(struct session *s, struct subject *subject, struct err *err) {
    const char *how = json_get_string(s->spec, "template", "none");
    bool one_turn = !strcmp(how, "one-turn");
    if (!strcmp(how, "none")) {
        return true;
    }
    if (!one_turn && strcmp(how, "turns") != 0) {
        return err_set(err, ERR_INPUT, "there is no way '%.40s' to use a chat template", how);
    }
    s->chat = chat_template_open(s->model_path, err);
    if (s->chat) {
        subject_model_chat(subject, s->chat, TEMPLATE_DATE, one_turn);
    }
    return s->chat != NULL;
}

struct subject *session_subject(struct session *s, struct err *err) {
    struct subject *subject = subject_model_new(s->model, json_get_string(s->spec, "model", ""),
        *s->revision ? s->revision : NULL, json_get_string(s->spec, "add_bos", "auto"), err);
    if (!subject || !open_chat(s, subject, err)) {
        subject_free(subject);
        return NULL;
    }
    open_memos(s);
    char *identity = run_identity(s);
    subject = subject_memo_new(
        subject, &(struct subject_memo_options) { .vectors = s->memos[STORE_VECTORS],
                     .answers = s->memos[STORE_ANSWERS],
                     .identity = identity,
                     .plan = session_is_dry(s) });
    free(identity);
    return subject;
}

/* ---- what was delivered ---- */

void session_delivery_key(
    const struct session *s, const struct task_info *info, uint8_t key[MEMO_KEY]) {
    struct memo_hash *h = memo_hash_new();
    char *identity = run_identity(s);
    long long numbers[] = { info->version, info->limit, info->shots, info->seed };
    const char *const texts[] = { "delivered", identity, info->name, info->task_sha256,
        info->data_sha256, info->profile, json_get_string(s->spec, "template", "none"),
        json_get_string(json_object_get(s->spec, "memo"), "sink", "") };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        memo_hash_text(h, texts[i]);
    }
    memo_hash_add(h, numbers, sizeof numbers);
    memo_hash_end(h, key);
    free(identity);
}

bool session_was_delivered(const struct session *s, const uint8_t key[MEMO_KEY]) {
    size_t n;
    return memo_find(s->memos[STORE_ANSWERS], key, &n) != NULL;
}

bool session_announce(const struct session *s, const uint8_t key[MEMO_KEY], struct err *err) {
    struct strbuf record = { 0 };
    if (!s->memos[STORE_ANSWERS]) {
        return true;
    }
    memo_record(&record, key, "", 0);
    bool ok = frame_write(STDOUT_FILENO, FRAME_MARK, record.text, record.len, err);
    strbuf_release(&record);
    return ok;
}
