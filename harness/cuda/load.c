/* Finding and opening the CUDA module. See load.h.
 *
 * A module that was opened is never closed: the CUDA runtime in it keeps threads and exit handlers
 * that must not lose their code. */
#include "harness/cuda/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static const char module_name[] = "libassay_cuda.so";
static const char hint_cpu[] = "use --device cpu, or set ASSAY_CUDA_MODULE to the module's path";

/* The folder of the running program, or NULL; the caller frees. */
static char *program_folder(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    return slash != NULL ? xstrndup(path, (size_t)(slash - path)) : NULL;
}

/* The module's path; its bare name, for the dynamic linker to find, where it is in neither folder.
 * The caller frees. */
static char *module_path(void) {
    static const char *const beside[] = { "", "../lib/assay" };
    char *folder = program_folder(), *found = NULL;
    for (size_t i = 0; folder != NULL && found == NULL && i < sizeof beside / sizeof *beside; i++) {
        char *place = beside[i][0] != '\0' ? path_join(folder, beside[i]) : xstrdup(folder);
        char *path = path_join(place, module_name);
        free(place);
        if (file_exists(path))
            found = path;
        else
            free(path);
    }
    free(folder);
    return found != NULL ? found : xstrdup(module_name);
}

static bool door_fits(const struct cuda_door *door) {
    static const struct cuda_door ours = CUDA_DOOR;
    return door != NULL && memcmp(door, &ours, sizeof ours) == 0;
}

static bool module_open(struct cuda_module *m, struct err *err) {
    const char *named = getenv("ASSAY_CUDA_MODULE");
    if (named != NULL && named[0] == '\0')
        return err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: ASSAY_CUDA_MODULE is empty");
    m->path = named != NULL ? xstrdup(named) : module_path();
    m->handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL);
    if (m->handle != NULL)
        return true;
    const char *why = dlerror();
    return err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: no module '%.160s': %.200s", m->path,
        why != NULL ? why : "unknown reason");
}

bool cuda_module_find(struct cuda_module *m, struct err *err) {
    *m = (struct cuda_module) { 0 };
    if (!module_open(m, err))
        return err_hint(err, "%s", hint_cpu);
    if (dlsym(m->handle, "assay_cuda_open") == NULL ||
        !door_fits(dlsym(m->handle, "assay_cuda_door"))) {
        err_set(err, ERR_UNSUPPORTED, "cannot use CUDA: the module is not of this build");
        return err_hint(err, "%s", hint_cpu);
    }
    return true;
}

void gpu_bring(void) {
    struct err ignored = ERR_INIT; /* who opens a device will meet it again */
    struct cuda_module module = { 0 };
    (void)!cuda_module_find(&module, &ignored);
    free(module.path);
}

struct backend *backend_cuda_open(
    const struct backend_config *config, int device, struct err *err) {
    if (config->dtype == DTYPE_INT8) {
        err_set(err, ERR_UNSUPPORTED, "cannot run in int8 on CUDA: only the processor can");
        err_hint(err, "use --device cpu, or --dtype bf16 or f32");
        return NULL;
    }
    struct cuda_module module;
    bool found = cuda_module_find(&module, err);
    free(module.path);
    if (!found)
        return NULL;
    union {
        void *symbol;
        cuda_open_fn *open;
    } entry = { .symbol = dlsym(module.handle, "assay_cuda_open") };
    return entry.open(config, device, err);
}

/* "cuda" is device 0, "cuda:N" device N. */
static bool device_parse(const char *name, int *device) {
    *device = 0;
    if (strcmp(name, "cuda") == 0)
        return true;
    if (strncmp(name, "cuda:", 5) != 0)
        return false;
    const char *digits = name + 5;
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || n > 4 || digits[n] != '\0')
        return false;
    *device = (int)strtol(digits, NULL, 10);
    return true;
}

struct backend *backend_device_open(
    const char *device, const struct backend_config *config, struct err *err) {
    int index;
    /* "auto" is the processor until the module has been seen to agree with it on a real device. */
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0)
        return backend_cpu_open(config, err);
    if (device_parse(device, &index))
        return backend_cuda_open(config, index, err);
    err_set(err, ERR_USAGE, "device '%.32s' is not one of auto, cpu, cuda, cuda:N", device);
    return NULL;
}
