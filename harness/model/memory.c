/* How much memory there is, and what of it is for weights: where nobody gives a ceiling, three
 * quarters of what this process may use; of a ceiling as much. What matrices would take beyond that
 * stays in the file (enum weights_form). */
#include "harness/model/model.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const form_names[] = {
    [WEIGHTS_AUTO] = "auto", [WEIGHTS_EXPANDED] = "expanded", [WEIGHTS_FILE] = "file"
};

bool weights_form_parse(const char *name, enum weights_form *out, struct err *err) {
    for (unsigned i = 0; i < sizeof form_names / sizeof *form_names; i++) {
        if (strcmp(form_names[i], name) == 0) {
            *out = (enum weights_form)i;
            return true;
        }
    }
    return err_set(err, ERR_USAGE, "weights '%.32s' are not one of auto, expanded, file", name);
}

/* The limit of one control group; SIZE_MAX where it has none, or is not there. */
static size_t group_limit(const char *root, const char *group, const char *name) {
    char path[4300];
    unsigned long long bytes;
    snprintf(path, sizeof path, "%s%s/%s", root, group, name);
    FILE *f = fopen(path, "r");
    bool some = f != NULL && fscanf(f, "%llu", &bytes) == 1; /* "max": none */
    if (f != NULL)
        fclose(f);
    return some && bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The least limit from this process's own group up to the root (cgroup v2, then v1). */
static size_t groups_limit(void) {
    static const char root[] = "/sys/fs/cgroup";
    char group[4096] = "";
    FILE *f = fopen("/proc/self/cgroup", "r");
    bool v2 = f != NULL && fgets(group, sizeof group, f) != NULL && strncmp(group, "0::", 3) == 0;
    if (f != NULL)
        fclose(f);
    memmove(group, v2 ? group + 3 : "", v2 ? strlen(group + 3) + 1 : 1);
    group[strcspn(group, "\n")] = 0;
    size_t least = lesser(
        group_limit(root, "", "memory.max"), group_limit(root, "/memory", "memory.limit_in_bytes"));
    for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = 0)
        if (slash[1] != 0)
            least = lesser(least, group_limit(root, group, "memory.max"));
    return least;
}

static size_t memory_of_machine(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    size_t all = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : (size_t)4 << 30;
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur < all)
        all = (size_t)space.rlim_cur;
    return lesser(all, groups_limit());
}

/* A quarter of the machine's memory, at most 4 GiB. Weights come on top. */
size_t memory_default(void) {
    return lesser(memory_of_machine() / 4, (size_t)4 << 30);
}

/* A part is left to what others take meanwhile, to the driver, and to lists that grow. */
size_t memory_of_device(const struct backend *b) {
    uint64_t left = b->ops->memory_free(b);
    return (size_t)(left - left / 16);
}

size_t memory_for_weights(const struct model_options *o) {
    size_t all = o->total_bytes ? o->total_bytes : memory_of_machine();
    return all - all / 4;
}
