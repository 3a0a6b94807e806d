/* The site on loopback, by libmicrohttpd: files of one folder, nothing above it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "site-gen/site.h"

const char *site_content_type(const char *path) {
    static const struct {
        const char *suffix, *type;
    } TYPES[] = { { ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" }, { ".json", "application/json" },
        { ".svg", "image/svg+xml" }, { ".png", "image/png" }, { ".xml", "application/xml" },
        { ".atom", "application/atom+xml" }, { ".txt", "text/plain; charset=utf-8" },
        { ".csv", "text/csv; charset=utf-8" } };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(dot, TYPES[i].suffix) == 0)
            return TYPES[i].type;
    }
    return "application/octet-stream";
}

int site_open_below(int dir, const char *path) {
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS };
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static enum MHD_Result reply_file(
    struct MHD_Connection *c, unsigned status, const char *path, int fd, off_t size) {
    struct MHD_Response *r = MHD_create_response_from_fd64((uint64_t)size, fd);
    if (!r) {
        close(fd);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", site_content_type(path));
    MHD_add_response_header(r, "Cache-Control", "no-cache");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result reply_empty(
    struct MHD_Connection *c, unsigned status, const char *location) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (location)
        MHD_add_response_header(r, "Location", location);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

/* An open regular file with its size, or -1. *is_dir: it is a folder. */
static int open_regular(int dir, const char *path, off_t *size, bool *is_dir) {
    struct stat st;
    int fd = site_open_below(dir, path);
    bool known = fd >= 0 && fstat(fd, &st) == 0;
    *is_dir = known && S_ISDIR(st.st_mode);
    if (known && S_ISREG(st.st_mode)) {
        *size = st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum MHD_Result reply_missing(struct MHD_Connection *c, int dir) {
    off_t size = 0;
    bool is_dir;
    int fd = open_regular(dir, "404.html", &size, &is_dir);
    return fd < 0 ? reply_empty(c, MHD_HTTP_NOT_FOUND, NULL)
                  : reply_file(c, MHD_HTTP_NOT_FOUND, "404.html", fd, size);
}

/* The folder is opened anew for each request: a build swaps it. */
static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *body_n, void **state) {
    (void)version, (void)body, (void)body_n, (void)state;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return reply_empty(c, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
    size_t n = strlen(url);
    if (n == 0 || *url != '/' || n > 2000)
        return reply_empty(c, MHD_HTTP_BAD_REQUEST, NULL);
    int dir = open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[2048];
    snprintf(path, sizeof path, "%s%s", url + 1, url[n - 1] == '/' ? "index.html" : "");
    off_t size = 0;
    bool is_dir = false;
    int fd = dir < 0 || *path == '.' || strstr(path, "/.")
                 ? -1
                 : open_regular(dir, path, &size, &is_dir);
    enum MHD_Result result;
    if (is_dir && url[1] != '/') {
        snprintf(path, sizeof path, "%s/", url);
        result = reply_empty(c, MHD_HTTP_MOVED_PERMANENTLY, path);
    } else {
        result = fd < 0 ? reply_missing(c, dir) : reply_file(c, MHD_HTTP_OK, path, fd, size);
    }
    if (dir >= 0)
        close(dir);
    return result;
}

static bool write_port(const char *path, struct MHD_Daemon *d, struct err *err) {
    char text[16];
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(text, sizeof text, "%u\n", info ? (unsigned)info->port : 0);
    return !path || file_write_atomic(path, text, strlen(text), err);
}

bool site_serve(const char *dir, unsigned port, const char *port_file, const atomic_bool *stop,
    struct err *err) {
    if (!dir_exists(dir)) {
        err_set(err, ERR_NOT_FOUND, "there is no site in '%s'", dir);
        return err_hint(err, "build one there first: assay site build -o %s", dir);
    }
    if (port > 65535)
        return err_set(err, ERR_USAGE, "%u is not the number of a port", port);
    struct sockaddr_in loopback = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO,
        (uint16_t)port, NULL, NULL, answer, (void *)(uintptr_t)dir, MHD_OPTION_SOCK_ADDR, &loopback,
        MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_CONNECTION_LIMIT, 256u, MHD_OPTION_END);
    if (!d)
        return err_errno(err, ERR_FAILED, "could not listen on 127.0.0.1 port %u", port);
    bool ok = write_port(port_file, d, err);
    while (ok && !*stop)
        nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
    MHD_stop_daemon(d);
    return ok;
}
