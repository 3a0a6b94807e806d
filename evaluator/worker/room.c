/* Whether a model fits what the machine has left, before its weights are read (see session.h). */
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "evaluator/worker/session.h"
#include "harness/harness.h"

#define WORK_BYTES ((size_t)4 << 30) /* what a model plans with at most where nobody says */
#define WORK_LEAST_BYTES                                                                           \
    ((size_t)64 << 20)                /* without so much beside its weights there is no work */
#define TIGHT_BYTES ((size_t)1 << 10) /* what the place `memory` leaves */

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

/* "Name:  123 kB" or "name 123" of a file of such lines; false where it isn't there. */
static bool read_field(const char *path, const char *name, unsigned long long *value) {
    char line[256];
    size_t n = strlen(name);
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        found = strncmp(line, name, n) == 0 && (line[n] == ' ' || line[n] == ':') &&
                sscanf(line + n + 1, "%llu", value) == 1;
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static bool read_number(const char *dir, const char *name, unsigned long long *value) {
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    bool some = f && fscanf(f, "%llu", value) == 1; /* "max": none */
    if (f) {
        fclose(f);
    }
    return some;
}

/* Pages of files count as used there, and are given up when somebody needs them. */
static size_t left_of_group(
    const char *dir, const char *limit, const char *used, const char *files) {
    unsigned long long most, now, cached = 0;
    char stat[4400];
    if (!read_number(dir, limit, &most) || !read_number(dir, used, &now) || most > SIZE_MAX / 2) {
        return SIZE_MAX;
    }
    snprintf(stat, sizeof stat, "%s/memory.stat", dir);
    read_field(stat, files, &cached);
    now -= now < cached ? now : cached;
    return most > now ? (size_t)(most - now) : 0;
}

/* The process's own group and all above it (version 2), or the machine's one of version 1. */
static size_t left_of_groups(void) {
    char group[4096] = "", dir[4200];
    FILE *f = fopen("/proc/self/cgroup", "re");
    bool v2 = f && fgets(group, sizeof group, f) && strncmp(group, "0::", 3) == 0;
    if (f) {
        fclose(f);
    }
    char *path = v2 ? group + 3 : strcpy(group, "");
    path[strcspn(path, "\n")] = 0;
    size_t left = left_of_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes",
        "memory.usage_in_bytes", "total_inactive_file");
    for (char *slash = path; slash; *slash = 0) {
        snprintf(dir, sizeof dir, "/sys/fs/cgroup%s", path);
        left = lesser(left, left_of_group(dir, "memory.max", "memory.current", "inactive_file"));
        slash = strrchr(path, '/');
        if (!slash) {
            break;
        }
    }
    return left;
}

size_t memory_left(void) {
    unsigned long long kib = 0;
    if (fault("memory")) {
        return TIGHT_BYTES;
    }
    bool known = read_field("/proc/meminfo", "MemAvailable", &kib);
    return lesser(known ? (size_t)kib << 10 : SIZE_MAX, left_of_groups());
}

/* The outline, under a ceiling (0: none): what its weights would take. */
static bool open_outline(const struct session *s, const struct model_options *o, size_t ceiling,
    size_t *weight_bytes, struct err *err) {
    struct model_options outline = *o;
    outline.outline = true;
    outline.total_bytes = ceiling;
    struct model *m = model_open(s->model_path, &outline, err);
    if (m) {
        *weight_bytes = (size_t)model_info(m)->weight_bytes;
    }
    model_close(m);
    return m != NULL;
}

bool session_admit(struct session *s, struct model_options *o, struct err *err) {
    size_t weights, ignored;
    bool own_memory =
        str_begins(o->device, "cuda"); /* which the harness asks for what it has left */
    if (o->total_bytes || own_memory || s->room == SIZE_MAX) {
        return true;
    }
    if (!open_outline(s, o, 0, &weights, err)) {
        return false;
    }
    if (s->room > WORK_BYTES && s->room - WORK_BYTES > weights) {
        return true;
    }
    o->total_bytes = s->room - s->room / 16;
    if (open_outline(s, o, o->total_bytes, &ignored, err)) {
        return true;
    }
    s->needs_mb = (unsigned)((weights + WORK_LEAST_BYTES) >> 20) + 1;
    return err->class != ERR_RESOURCE ||
           err_wrap(err, "only %zu MiB of memory are left here", s->room >> 20);
}
