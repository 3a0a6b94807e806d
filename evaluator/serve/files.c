/* Files: what the service brings with it, and the built site. No model's files, ever: what is here
 * is below one folder, as the kernel resolves it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/range.h"
#include "evaluator/serve/request.h"
#include "site-gen/site.h"

extern const struct embedded serve_assets[], site_assets[];

static enum MHD_Result missing(struct request *r) {
    return reply_problem(
        r, MHD_HTTP_NOT_FOUND, "not-found", "GET /api says what there is", "there is no such page");
}

/* ---- ours ---- */

enum MHD_Result file_asset(struct request *r) {
    static const char *const DAY[] = { "Cache-Control", "max-age=3600", NULL };
    const char *name = r->path + strlen("/service/");
    const struct embedded *file = embedded_find(serve_assets, name);
    file = file ? file : embedded_find(site_assets, name);
    return file ? reply_bytes(r, MHD_HTTP_OK, site_content_type(name), file->data, file->size, DAY)
                : missing(r);
}

/* ---- the site's ---- */

/* The folder of a built site is swapped by a build: it is opened anew for each request. */
static int open_below(const char *site, const char *path) {
    int dir = open(site, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : site_open_below(dir, path);
    if (dir >= 0) {
        close(dir);
    }
    return fd;
}

/* A regular file with what is known of it; -1 where it is none, *is_dir where it is a folder. */
static int open_regular(const char *site, const char *path, struct stat *st, bool *is_dir) {
    int fd = open_below(site, path);
    bool known = fd >= 0 && fstat(fd, st) == 0;
    *is_dir = known && S_ISDIR(st->st_mode);
    if (known && S_ISREG(st->st_mode)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* FILE.br and FILE.gz beside FILE; the first that a client takes. */
static const struct coding {
    const char *name, *suffix;
} CODINGS[] = { { "br", "br" }, { "gzip", "gz" } };

static void tag_of(const struct stat *st, const struct coding *coding, char tag[64]) {
    snprintf(tag, 64, "\"%llx-%llx%s%s\"", (unsigned long long)st->st_size,
        (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL +
            (unsigned long long)st->st_mtim.tv_nsec,
        coding ? "-" : "", coding ? coding->suffix : "");
}

/* Beside the page's own policy in its markup; a private page is nobody's to keep. */
static void add_headers(struct request *r, struct MHD_Response *answer, const char *path,
    const char *tag, const struct coding *coding) {
    MHD_add_response_header(answer, "Content-Type", site_content_type(path));
    MHD_add_response_header(answer, "ETag", tag);
    MHD_add_response_header(answer, "Accept-Ranges", "bytes");
    MHD_add_response_header(answer, "Vary", "Accept-Encoding");
    MHD_add_response_header(
        answer, "Cache-Control", r->closed ? "private, no-cache" : site_cache_control(path));
    MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(answer, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(answer, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    if (coding) {
        MHD_add_response_header(answer, "Content-Encoding", coding->name);
    }
    if (r->s->draining) {
        MHD_add_response_header(answer, "Connection", "close");
    }
}

/* What of a file goes out, and under which status: decided by the request's headers. */
struct part {
    unsigned status;
    uint64_t from, n;
};

static struct part part_of(
    const struct request *r, unsigned status, const struct stat *st, const char *tag) {
    struct part all = { .status = status, .n = (uint64_t)st->st_size }, some = all;
    if (status != MHD_HTTP_OK) {
        return all;
    }
    if (header_matches(request_header(r, "If-None-Match"), tag)) {
        return (struct part) { .status = MHD_HTTP_NOT_MODIFIED };
    }
    if (strcmp(r->method, "GET") || !range_is_of(request_header(r, "If-Range"), tag)) {
        return all;
    }
    switch (range_parse(request_header(r, "Range"), all.n, &some.from, &some.n)) {
    case RANGE_OK:
        some.status = MHD_HTTP_PARTIAL_CONTENT;
        return some;
    case RANGE_PAST_END:
        return (struct part) { .status = MHD_HTTP_RANGE_NOT_SATISFIABLE };
    case RANGE_NONE:
        break;
    }
    return all;
}

/* Takes the descriptor. */
static struct MHD_Response *open_part(const struct part *part, int fd) {
    bool has_body =
        part->status != MHD_HTTP_NOT_MODIFIED && part->status != MHD_HTTP_RANGE_NOT_SATISFIABLE;
    struct MHD_Response *answer =
        has_body
            ? MHD_create_response_from_fd_at_offset64(part->n, fd, part->from)
            : MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (!has_body || !answer) {
        close(fd);
    }
    return answer;
}

static enum MHD_Result send_file(struct request *r, unsigned status, const char *path, int fd,
    const struct stat *st, const struct coding *coding) {
    char tag[64], range[RANGE_TEXT_SIZE];
    tag_of(st, coding, tag);
    struct part part = part_of(r, status, st, tag);
    struct MHD_Response *answer = open_part(&part, fd);
    if (!answer) {
        return MHD_NO;
    }
    add_headers(r, answer, path, tag, coding);
    if (part.status == MHD_HTTP_PARTIAL_CONTENT || part.status == MHD_HTTP_RANGE_NOT_SATISFIABLE) {
        range_text(range, part.from, part.n, (uint64_t)st->st_size);
        MHD_add_response_header(answer, "Content-Range", range);
    }
    r->status = part.status;
    r->sent = (size_t)part.n;
    enum MHD_Result result = MHD_queue_response(r->c, r->status, answer);
    MHD_destroy_response(answer);
    return result;
}

/* What lies compressed beside FILE, where the client takes it and it is not older. */
static enum MHD_Result send_best(
    struct request *r, unsigned status, const char *path, int fd, const struct stat *st) {
    const char *accepted = request_header(r, "Accept-Encoding");
    for (size_t i = 0; i < sizeof CODINGS / sizeof *CODINGS; i++) {
        char packed[2060];
        struct stat of;
        bool is_dir;
        snprintf(packed, sizeof packed, "%s.%s", path, CODINGS[i].suffix);
        int found = header_accepts(accepted, CODINGS[i].name)
                        ? open_regular(r->s->o->site, packed, &of, &is_dir)
                        : -1;
        if (found >= 0 && of.st_mtim.tv_sec >= st->st_mtim.tv_sec) {
            close(fd);
            return send_file(r, status, path, found, &of, &CODINGS[i]);
        }
        if (found >= 0) {
            close(found);
        }
    }
    return send_file(r, status, path, fd, st, NULL);
}

static enum MHD_Result missing_on_site(struct request *r) {
    struct stat st;
    bool is_dir;
    int fd = r->s->o->site ? open_regular(r->s->o->site, "404.html", &st, &is_dir) : -1;
    return fd < 0 ? missing(r) : send_file(r, MHD_HTTP_NOT_FOUND, "404.html", fd, &st, NULL);
}

enum MHD_Result file_site(struct request *r) {
    char path[2048];
    struct stat st;
    bool is_dir = false;
    size_t n = strlen(r->path);
    if (!r->s->o->site || n > 2000 || r->path[1] == '/' || r->path[1] == '.' ||
        strstr(r->path, "/.")) {
        return missing_on_site(r);
    }
    snprintf(path, sizeof path, "%s%s", r->path + 1, r->path[n - 1] == '/' ? "index.html" : "");
    int fd = open_regular(r->s->o->site, path, &st, &is_dir);
    if (is_dir) {
        snprintf(path, sizeof path, "%s/", r->path);
        return reply_redirect(r, MHD_HTTP_MOVED_PERMANENTLY, path, NULL);
    }
    return fd < 0 ? missing_on_site(r) : send_best(r, MHD_HTTP_OK, path, fd, &st);
}
