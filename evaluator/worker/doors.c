/* Which files stay readable (see doors.h). */
#include "evaluator/worker/doors.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "harness/harness.h"

#define PATHS_MAX 4096
#define DEPTH_MAX 4

/* Libraries, processors, time zones: what the C library and oneDNN look up while they run. */
static const char *const SYSTEM[] = { "/usr", "/lib", "/lib64", "/etc/ld.so.cache",
    "/etc/localtime", "/proc", "/sys", "/dev" };

struct paths {
    const char *items[PATHS_MAX + 1];
    size_t n;
    struct arena arena;
};

static bool add(struct paths *p, const char *path, struct err *err) {
    if (access(path, F_OK)) {
        return true; /* not every system has each */
    }
    if (p->n == PATHS_MAX) {
        return err_set(err, ERR_INPUT, "a model of more than %d links", PATHS_MAX);
    }
    p->items[p->n++] = arena_strdup(&p->arena, path);
    return true;
}

/* Where the links in a folder lead: a snapshot of the hub's cache is all links into its blobs. */
static bool add_links(struct paths *p, const char *dir, int depth, struct err *err) {
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    bool ok = true;
    for (struct dirent *e; ok && d && (e = readdir(d));) {
        char *path = path_join(dir, e->d_name);
        if (e->d_type == DT_LNK) {
            char *target = realpath(path, NULL);
            ok = !target || add(p, target, err);
            free(target);
        } else if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            ok = add_links(p, path, depth + 1, err);
        }
        free(path);
    }
    if (d) {
        closedir(d);
    }
    return ok;
}

/* A file or folder, and what links in it lead to. */
static bool add_whole(struct paths *p, const char *path, struct err *err) {
    char *real = realpath(path, NULL);
    bool ok = add(p, path, err) && (!real || add(p, real, err)) && add_links(p, path, 0, err);
    free(real);
    return ok;
}

/* A file that is one of several brings the others. */
static bool add_model(struct paths *p, const char *model, struct err *err) {
    bool ok = add_whole(p, model, err);
    char *part;
    for (uint64_t i = 0; ok && (part = model_part(model, i)); i++) {
        ok = add_whole(p, part, err);
        free(part);
    }
    return ok;
}

static bool confine(struct paths *p, bool ok, struct sandbox_report *report, struct err *err) {
    ok = ok && sandbox_confine_reads(p->items, report, err);
    arena_release(&p->arena);
    free(p);
    return ok;
}

bool doors_close(const char *model, const char *const extras[DOORS_EXTRAS],
    struct sandbox_report *report, struct err *err) {
    struct paths *p = xcalloc(1, sizeof *p);
    bool ok = add_model(p, model, err);
    for (size_t i = 0; ok && i < DOORS_EXTRAS; i++) {
        ok = !extras[i] || add(p, extras[i], err);
    }
    for (size_t i = 0; ok && i < sizeof SYSTEM / sizeof *SYSTEM; i++) {
        ok = add(p, SYSTEM[i], err);
    }
    return confine(p, ok, report, err);
}

bool doors_close_remote(const char *extra, struct sandbox_report *report, struct err *err) {
    static const char *const NETWORK[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
        "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/ssl", "/etc/pki",
        "/etc/ca-certificates", "/run/systemd/resolve" };
    static const char *const NAMED[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };
    struct paths *p = xcalloc(1, sizeof *p);
    bool ok = !extra || add_whole(p, extra, err);
    for (size_t i = 0; ok && i < sizeof NETWORK / sizeof *NETWORK; i++) {
        ok = add_whole(p, NETWORK[i], err);
    }
    for (size_t i = 0; ok && i < sizeof NAMED / sizeof *NAMED; i++) {
        const char *path = getenv(NAMED[i]);
        ok = !path || !*path || add_whole(p, path, err);
    }
    for (size_t i = 0; ok && i < sizeof SYSTEM / sizeof *SYSTEM; i++) {
        ok = add(p, SYSTEM[i], err);
    }
    return confine(p, ok, report, err);
}

bool doors_close_but(const char *const *paths, struct sandbox_report *report, struct err *err) {
    struct paths *p = xcalloc(1, sizeof *p);
    bool ok = true;
    for (size_t i = 0; ok && paths[i]; i++) {
        ok = add_whole(p, paths[i], err);
    }
    return confine(p, ok, report, err);
}

const char *const *doors_gpu_devices(struct arena *arena) {
    enum { MOST = 24 };
    const char **list = arena_alloc(arena, (MOST + 1) * sizeof *list);
    DIR *d = opendir("/dev");
    size_t n = 0;
    list[n++] = "/proc/self/task"; /* names of this process's threads */
    for (struct dirent *e; d && n < MOST && (e = readdir(d));) {
        if (str_begins(e->d_name, "nvidia") && (e->d_type == DT_CHR || e->d_type == DT_UNKNOWN)) {
            list[n++] = arena_printf(arena, "/dev/%s", e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    return list;
}
