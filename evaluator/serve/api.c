/* The API: /api/v1/, JSON in and out. What it answers is also what the pages show. */
#include <string.h>

#include "base/json.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/request.h"
#include "evaluator/serve/sign.h"
#include "evaluator/serve/words.h"

static enum MHD_Result accepted(struct request *r, const struct accepted_as *as) {
    char location[64];
    snprintf(location, sizeof location, "/api/v1/submissions/%lld", as->id);
    const char *const extra[] = { "Location", location, "Idempotent-Replay",
        as->replayed ? "true" : "false", NULL };
    json_t *document = json_pack("{s:s, s:I, s:s, s:{s:s, s:o}}", "schema", "assay.submission/1",
        "id", (json_int_t)as->id, "state", "pending", "links", "self", location, "page",
        json_sprintf("/submissions/%lld", as->id));
    if (*as->key) {
        json_object_set_new(document, "key", json_string(as->key));
    }
    if (*as->secret) {
        json_object_set_new(document, "webhook_secret", json_string(as->secret));
    }
    return reply_json(r, MHD_HTTP_ACCEPTED, document, extra);
}

enum MHD_Result api_submit(struct request *r) {
    struct ask ask;
    struct accepted_as as;
    struct err err = ERR_INIT;
    enum MHD_Result result = MHD_NO;
    if (!ask_read_json(&ask, strbuf_str(&r->body), r->body.len, &err)) {
        return err.class == ERR_INPUT
                   ? reply_problem(r, MHD_HTTP_BAD_REQUEST, "bad-json",
                         "an object: {\"model\": \"org/name\", \"suite\": \"NAME\"}", "%s", err.msg)
                   : reply_err(r, &err);
    }
    if (submission_accept(r, &ask, &as, &result, &err)) {
        return accepted(r, &as);
    }
    return err.class ? reply_err(r, &err) : result;
}

/* Before ?before=ID, ?limit=N of them. */
static bool read_page(struct request *r, long long *before, long long *limit) {
    *before = query_number(request_query(r, "before"), 0);
    *limit = query_number(request_query(r, "limit"), 50);
    return *before >= 0 && *limit >= 1 && *limit <= 200;
}

enum MHD_Result api_list(struct request *r) {
    long long before, limit;
    struct err err = ERR_INIT;
    size_t i;
    json_t *line;
    if (!read_page(r, &before, &limit)) {
        return reply_problem(r, MHD_HTTP_BAD_REQUEST, "bad-page", "?before=ID&limit=1 to 200",
            "before and limit are numbers");
    }
    char closed[CLOSED_LIST_SIZE];
    closed_suites(r, closed);
    json_t *list = store_list(r->s->store, before, (int)limit, closed, &err);
    if (!list) {
        return reply_err(r, &err);
    }
    json_array_foreach(list, i, line) {
        words_add_line(line, r->s->o->hub);
    }
    size_t n = json_array_size(list);
    long long last = n ? json_get_int(json_array_get(list, n - 1), "id", 0) : 0;
    json_t *document =
        json_pack("{s:s, s:o}", "schema", "assay.submissions/1", "submissions", list);
    if (n == (size_t)limit && last > 1) {
        json_object_set_new(document, "next",
            json_sprintf("/api/v1/submissions?before=%lld&limit=%lld", last, limit));
    }
    return reply_json(r, MHD_HTTP_OK, document, NULL);
}

/* The key that came with the answer to a submission without a token. */
static bool holds_key(const struct request *r) {
    const char *key = request_header(r, "Submission-Key");
    char hex[65];
    request_key(r->s, r->id, hex);
    return key && secret_equal(hex, key);
}

enum MHD_Result api_view(struct request *r) {
    enum MHD_Result result = MHD_NO;
    json_t *view = submission_view(r, holds_key(r), &result);
    if (!view) {
        return result;
    }
    json_object_set_new(view, "schema", json_string("assay.submission/1"));
    return reply_json(r, MHD_HTTP_OK, view, NULL);
}

static enum MHD_Result say(struct request *r, const char *answer) {
    return reply_json(
        r, MHD_HTTP_OK, json_pack("{s:I, s:s}", "id", (json_int_t)r->id, "answer", answer), NULL);
}

enum MHD_Result api_cancel(struct request *r) {
    char answer[16];
    struct err err = ERR_INIT;
    bool may = request_may(r, "admin") || holds_key(r);
    const char *who = request_may(r, "submit") ? r->who.user : NULL;
    if (!who && !may) {
        return reply_problem(r, MHD_HTTP_UNAUTHORIZED, "unauthorized",
            "send its submitter's token, or the key of its answer as Submission-Key",
            "calling it off is its submitter's");
    }
    if (!store_cancel(r->s->store, r->id, who, may, answer, &err)) {
        return reply_err(r, &err);
    }
    if (!strcmp(answer, "gone")) {
        return submission_unknown(r);
    }
    if (!strcmp(answer, "denied")) {
        return reply_problem(
            r, MHD_HTTP_FORBIDDEN, "forbidden", NULL, "submission %lld is somebody else's", r->id);
    }
    return say(r, answer);
}

enum MHD_Result api_vote(struct request *r) {
    char answer[16];
    struct err err = ERR_INIT;
    if (!request_may(r, "submit")) {
        return reply_problem(r, MHD_HTTP_UNAUTHORIZED, "unauthorized",
            "send 'Authorization: Bearer TOKEN'", "a vote needs a token that may submit");
    }
    if (!store_vote(r->s->store, r->id, r->who.user, answer, &err)) {
        return reply_err(r, &err);
    }
    return !strcmp(answer, "gone") ? submission_unknown(r) : say(r, answer);
}

/* Counts, and the first ?limit= jobs: those under way, then those that are next. */
enum MHD_Result api_queue(struct request *r) {
    struct err err = ERR_INIT;
    char closed[CLOSED_LIST_SIZE];
    long long limit = query_number(request_query(r, "limit"), 50);
    if (limit < 0 || limit > 200) {
        return reply_problem(
            r, MHD_HTTP_BAD_REQUEST, "bad-page", "?limit=0 to 200", "the limit is a number");
    }
    closed_suites(r, closed);
    json_t *stats = store_stats(r->s->store, &err);
    json_t *jobs = stats ? store_queue(r->s->store, (int)limit, closed, &err) : NULL;
    if (!jobs) {
        json_decref(stats);
        return reply_err(r, &err);
    }
    json_t *document = json_copy(stats);
    json_object_set_new(document, "schema", json_string("assay.queue/1"));
    json_object_set_new(document, "jobs", jobs);
    json_decref(stats);
    return reply_json(r, MHD_HTTP_OK, document, NULL);
}

enum MHD_Result api_suites(struct request *r) {
    json_t *some = open_suites(r), *suites = some ? some : json_array();
    return reply_json(r, MHD_HTTP_OK,
        json_pack("{s:s, s:o}", "schema", "assay.suites/1", "suites", suites), NULL);
}
