/* A part of a file over HTTP (see client.h). A server may do as it likes with a Range: what it says
 * of the part it gives is checked before a byte counts, and what it doesn't give is asked for
 * again. The address that a hub leads to, signed for a while, is kept and asked directly. */
#include "evaluator/hub/client_parts.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/hub/retry.h"

#define TRIES_MAX 16 // of one part, whatever they brought

struct part {
    struct range_file *file;
    uint64_t from;
    uint8_t *into;
    size_t n, done;
};

static void forget_location(struct range_file *f) {
    free(f->location);
    f->location = NULL;
}

void range_file_release(struct range_file *f) {
    forget_location(f);
    free(f->path);
    f->path = NULL;
}

static bool changed(const struct range_file *f, struct err *err) {
    err_set(err, ERR_INPUT, "'%s' changed on the hub while it was read", f->path);
    return err_hint(err, "run it again; a data set that is pinned to a commit does not change");
}

/* What a part that was given says of itself, and whether it fits what was asked. */
static bool check_part(
    const struct part *p, const struct reply *r, uint64_t taken, struct err *err) {
    uint64_t from, to, size, asked = p->from + p->done;
    if (!content_range_parse(r->range, &from, &to, &size) || from != asked || to < from ||
        to >= p->from + p->n || taken > to - from + 1) {
        return err_set(err, ERR_NETWORK,
            "'%s': the server gave another part than the one asked for", p->file->path);
    }
    return size == p->file->size || changed(p->file, err);
}

/* Both name the version in the same way, or it is not known. A mark of weakness says that equal
 * versions may differ in bytes: such a name proves only that versions differ. */
static bool same_version(const char *known, const char *now) {
    return !*known || !*now || !strcmp(known, now);
}

/* X-Linked-Etag: "<sha256>". */
static bool linked_agrees(const struct range_file *f, const char *linked) {
    size_t n = strlen(f->sha256);
    return !*linked || n != 64 || (strlen(linked) == n + 2 && !strncmp(linked + 1, f->sha256, n));
}

/* 200: the whole file, though a part was asked for. */
static bool refuse_whole(const struct part *p, const struct reply *r, struct err *err) {
    if (*p->file->etag && !same_version(p->file->etag, r->etag)) {
        return changed(p->file, err);
    }
    err_set(err, ERR_UNSUPPORTED, "'%s': the server gives no parts of files", p->file->path);
    return err_hint(err, "--stream-data never fetches the file as a whole");
}

/* *forget: the place that was kept is none any more. */
static bool take_reply(struct part *p, const struct sink *sink, const struct reply *r, bool kept,
    bool *forget, struct err *err) {
    struct range_file *f = p->file;
    *forget = kept && r->status != 206;
    if (r->status == 200) {
        return refuse_whole(p, r, err);
    }
    if (r->status == 416) {
        return changed(f, err);
    }
    if (r->status != 206) {
        return reply_refuse(r, NULL, err);
    }
    if (!check_part(p, r, sink->taken, err)) {
        return false;
    }
    if (!same_version(f->etag, r->etag) || !linked_agrees(f, r->linked)) {
        return changed(f, err);
    }
    if (!*f->etag) {
        snprintf(f->etag, sizeof f->etag, "%s", r->etag);
    }
    p->done += (size_t)sink->taken;
    return true;
}

/* One request for what is missing. What came before a transfer broke counts too. */
static bool ask(
    struct client *c, struct part *p, bool *forget, long *retry_after, struct err *err) {
    struct range_file *f = p->file;
    struct strbuf url = { 0 };
    char range[64], *last = NULL, *kept = f->location;
    snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)(p->from + p->done),
        (unsigned long long)(p->from + p->n - 1));
    struct sink sink = { .into = p->into + p->done,
        .range = range,
        .if_range = strncmp(f->etag, "W/", 2) ? f->etag : NULL,
        .max = p->n - p->done };
    struct reply reply = { .retry_after = -1 };
    struct err why = ERR_INIT;
    strbuf_addf(&url, "%s%s", c->endpoint, f->path);
    bool whole = client_ready(c->endpoint, &why) &&
                 client_follow(c, kept ? kept : url.text, kept != NULL, &sink, &reply, &last, &why);
    bool ok =
        (whole || reply.status == 206) && take_reply(p, &sink, &reply, kept != NULL, forget, &why);
    *retry_after = reply.retry_after;
    if (ok && last && strcmp(last, url.text)) {
        f->location = last;
        last = kept;
    }
    free(last);
    strbuf_release(&url);
    if (ok && (whole || p->done == p->n)) {
        return true;
    }
    if (why.class == ERR_NONE) {
        err_set(&why, ERR_NETWORK, "the transfer broke off");
    }
    *err = why;
    return false;
}

static bool may_pass(const struct err *why, bool forget) {
    return why->class == ERR_NETWORK || forget;
}

bool client_range(
    struct client *c, struct range_file *f, uint64_t from, void *into, size_t n, struct err *err) {
    struct part p = { .file = f, .from = from, .into = into, .n = n };
    struct err why = ERR_INIT;
    for (int tries = 0, in_vain = 0; p.done < n; tries++) {
        size_t before = p.done;
        bool forget = false;
        long retry_after = -1;
        why = (struct err)ERR_INIT;
        bool ok = ask(c, &p, &forget, &retry_after, &why);
        if (forget) { /* what was signed for a while has run out: the hub knows a new place */
            forget_location(f);
        }
        in_vain = p.done > before ? 0 : in_vain + 1;
        if (p.done == n || (!ok && !may_pass(&why, forget))) {
            break;
        }
        if (in_vain == ATTEMPTS_MAX || tries == TRIES_MAX) {
            if (why.class == ERR_NONE) {
                err_set(&why, ERR_NETWORK, "the server gives less than was asked for");
            }
            break;
        }
        if (in_vain > 0 && !forget) {
            client_wait(c, in_vain - 1, retry_after);
        }
    }
    if (p.done == n) {
        return true;
    }
    *err = why;
    return err_wrap(err, "could not read bytes %llu to %llu of '%s%s'", (unsigned long long)from,
        (unsigned long long)(from + n - 1), c->endpoint, f->path);
}
