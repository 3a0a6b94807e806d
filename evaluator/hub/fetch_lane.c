/* One connection of the engine (see fetch_parts.h): what is asked, and what the answer is worth. */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/hub/fetch_parts.h"
#include "evaluator/hub/retry.h"

struct sha256 *digest_new(const struct fetch_file *w) {
    return strlen(w->etag) == 64 ? sha256_new() : git_blob_new(w->size);
}

/* The first bytes of an answer: is it what was asked for? */
static bool check_head(struct lane *l, long status) {
    struct curl_header *h;
    uint64_t from, to, size;
    if (curl_easy_header(l->curl, "Content-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
        strcmp(h->value, "identity")) {
        l->garbled = true; /* nobody asked for that, and bytes in it are not the file's */
        return false;
    }
    if (status == 200) {
        /* All of it: fine where that was meant, or where it starts at the beginning anyway. */
        l->lie = l->ranged && l->at > 0;
        if (l->ranged && !l->lie) {
            l->job->whole = true;
            l->end = l->job->want->size;
        }
        return !l->lie;
    }
    bool there = curl_easy_header(l->curl, "Content-Range", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
                 content_range_parse(h->value, &from, &to, &size);
    l->lie = !l->ranged || !there || from != l->at || to < from || to >= l->end ||
             size != l->job->want->size;
    return !l->lie;
}

static size_t take_body(char *data, size_t one, size_t n, void *arg) {
    struct lane *l = arg;
    n *= one;
    long status = 0;
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) { /* an error page or a redirect's body */
        l->thrown_away += n;
        l->overflow = l->thrown_away > OTHER_BODY_MAX;
        return l->overflow ? 0 : n;
    }
    if (!l->checked && !check_head(l, status)) {
        return 0;
    }
    l->checked = true;
    if (n > l->end - l->at) {
        l->overflow = true;
        return 0;
    }
    if (!partial_write(&l->job->part, l->at, data, n, &l->broken)) {
        return 0;
    }
    l->at += n;
    l->got += n;
    return n;
}

void lane_begin(struct lane *l, struct client *c, bool foreign) {
    l->hop.following = foreign;
    l->got = l->thrown_away = 0;
    l->checked = l->lie = l->overflow = l->garbled = false;
    l->broken = (struct err)ERR_INIT;
    l->reply.retry_after = -1;
    hop_begin(&l->hop, c, l->curl, l->url, NULL, c->download_s);
    curl_easy_setopt(l->curl, CURLOPT_PRIVATE, l);
    curl_easy_setopt(l->curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1); /* lanes of their own */
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l);
    l->ranged = !l->job->whole && (l->at > 0 || l->job->part.n_pieces > 1);
    if (l->ranged) {
        char range[48];
        snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)l->at,
            (unsigned long long)l->end - 1);
        curl_easy_setopt(l->curl, CURLOPT_RANGE, range);
    }
}

/* What the place that was kept says no more. */
static bool place_is_gone(const struct lane *l) {
    return l->kept && l->reply.status >= 300 && l->reply.status < 500 && l->reply.status != 408 &&
           l->reply.status != 429;
}

static enum lane_outcome follow(struct lane *l, struct err *why) {
    char *to = l->reply.location;
    l->reply.location = NULL;
    bool ok = l->hops++ < REDIRECTS_MAX
                  ? hop_allowed(l->url, to, why)
                  : err_set(why, ERR_NETWORK, "more than %d redirects", REDIRECTS_MAX);
    free(l->url);
    l->url = to;
    return ok ? LANE_REDIRECTED : LANE_FAILED;
}

/* The repository's page: what comes before "/resolve/". */
static char *page_of(const struct lane *l, const char *endpoint) {
    const char *path = l->job->want->path, *end = strstr(path, "/resolve/");
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%.*s", endpoint, end ? (int)(end - path) : 0, path);
    return strbuf_take(&url);
}

static enum lane_outcome refuse_status(struct lane *l, const char *endpoint, struct err *why) {
    char *page = page_of(l, endpoint);
    reply_refuse(&l->reply, page, why);
    free(page);
    if (place_is_gone(l)) {
        return LANE_PLACE_GONE;
    }
    if (l->reply.status == 416 && l->ranged) { /* what is there is no beginning of what is served */
        return LANE_RANGE_LIE;
    }
    return why->class == ERR_NETWORK ? LANE_LATER : LANE_FAILED;
}

/* The transfer came to its own end. */
static enum lane_outcome judge_end(struct lane *l, struct err *why) {
    if (l->at == l->end) {
        return LANE_DONE;
    }
    if (l->ranged) {
        err_set(why, ERR_NETWORK, "the server gives less than was asked for");
        return LANE_LATER;
    }
    err_set(why, ERR_INPUT, "'%s' ended after %llu of %llu bytes", l->job->want->name,
        (unsigned long long)l->at, (unsigned long long)l->job->want->size);
    return LANE_FAILED;
}

static enum lane_outcome judge_break(struct lane *l, CURLcode rc, struct err *why) {
    unsigned long long size = (unsigned long long)l->job->want->size;
    if (l->broken.class != ERR_NONE) {
        *why = l->broken;
        return LANE_FAILED;
    }
    if (l->lie) {
        err_set(why, ERR_NETWORK, "the server gave another part than the one asked for");
        return LANE_RANGE_LIE;
    }
    if (l->garbled) {
        err_set(why, ERR_INPUT, "the reply is in an encoding that was not asked for");
        return LANE_FAILED;
    }
    if (l->overflow) {
        err_set(why, ERR_INPUT, "the reply is longer than %llu bytes", size);
        return l->ranged && l->checked ? LANE_RANGE_LIE : LANE_FAILED;
    }
    hop_refuse(&l->hop, rc, why);
    return hop_is_hopeless(&l->hop, rc) ? LANE_FAILED : LANE_LATER;
}

enum lane_outcome lane_outcome(struct lane *l, CURLcode rc, const char *endpoint, struct err *why) {
    enum lane_outcome outcome;
    reply_read(l->curl, &l->reply);
    bool error_page = l->overflow && l->reply.status != 200 && l->reply.status != 206;
    reply_heed(&l->reply, l->url);
    if (rc == CURLE_OK && l->reply.location && l->reply.status >= 300 && l->reply.status <= 399) {
        outcome = follow(l, why);
    } else if (rc != CURLE_OK && !error_page) {
        outcome = judge_break(l, rc, why);
    } else if (l->reply.status != 200 && l->reply.status != 206) {
        outcome = refuse_status(l, endpoint, why);
    } else {
        outcome = judge_end(l, why);
    }
    free(l->reply.location);
    l->reply.location = NULL;
    if (why->class != ERR_NONE) {
        err_wrap(why, "could not fetch '%s%s'", endpoint, l->job->want->path);
    }
    return outcome;
}
