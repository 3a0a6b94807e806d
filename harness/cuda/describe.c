/* gpu_describe: driver, devices, CUDA's libraries, the module, in one document (harness.h). */
#include <stdlib.h>

#include "harness/cuda/dynamic.h"
#include "harness/cuda/load.h"
#include "harness/cuda/lt_names.h"
#include "harness/cuda/probe.h"
#include "harness/harness.h"

/* A library that the module uses where it is: its name, and what has it; `entry` is in it. */
static json_t *library_describe(
    const char *what, const char *const *names, const struct dynamic_symbol *entry) {
    const char *file = NULL;
    struct err err = ERR_INIT;
    void *library = dynamic_open(names, &file, &err), *place = NULL;
    bool found = library != NULL && dynamic_bind(library, entry, &place, &err);
    json_t *said = json_pack("{s:s, s:b}", "name", what, "found", (int)found);
    json_object_set_new(said, found ? "file" : "why", json_string(found ? file : err.msg));
    return said;
}

/* The one that the module would open: of these names, or the one that a variable of the environment
 * names (empty: none). */
static json_t *chosen_describe(const char *what, const char *variable, const char *const *names,
    const struct dynamic_symbol *entry) {
    const char *named = getenv(variable), *const one[] = { named, NULL };
    json_t *said;
    if (named == NULL)
        return library_describe(what, names, entry);
    if (named[0] != '\0')
        said = library_describe(what, one, entry);
    else
        said =
            json_pack("{s:s, s:b, s:s+}", "name", what, "found", 0, "why", variable, " is empty");
    json_object_set_new(said, "named_by", json_string(variable));
    return said;
}

static json_t *libraries_describe(void) {
    static const char *const nccl_names[] = { "libnccl.so.2", "libnccl.so",
        "/usr/local/cuda/lib64/libnccl.so.2", NULL };
    static const struct dynamic_symbol lt[] = { { "cublasLtMatmul", 0 }, { NULL, 0 } },
                                       nccl[] = { { "ncclGetVersion", 0 }, { NULL, 0 } };
    return json_pack("[o, o]", chosen_describe("cublasLt", "ASSAY_CUBLASLT", lt_names, lt),
        chosen_describe("NCCL", "ASSAY_NCCL", nccl_names, nccl));
}

static json_t *module_describe(void) {
    struct cuda_module module;
    struct err err = ERR_INIT;
    bool fits = cuda_module_find(&module, &err);
    json_t *said = json_pack("{s:b, s:b}", "found", module.handle != NULL, "fits", (int)fits);
    json_object_set_new(said, "file", module.path != NULL ? json_string(module.path) : json_null());
    if (!fits)
        json_object_set_new(said, "why", json_string(err.msg));
    free(module.path);
    return said;
}

/* Whether each device runs our kernels: the module tries one as it opens. */
static void devices_try(json_t *devices) {
    static const struct backend_config config = { .dtype = DTYPE_F32, .gemm = "auto" };
    size_t i;
    json_t *each;
    json_array_foreach(devices, i, each) {
        struct err err = ERR_INIT;
        struct backend *b = backend_cuda_open(&config, (int)i, &err);
        json_object_set_new(each, "opens", json_boolean(b != NULL));
        json_object_set_new(each, b != NULL ? "backend" : "why",
            json_string(b != NULL ? b->ops->caps(b)->name : err.msg));
        if (b != NULL)
            b->ops->close(b);
    }
}

json_t *gpu_describe(bool opening) {
    json_t *devices = json_array(), *driver = driver_describe(devices),
           *nvml = nvml_describe(devices), *module = module_describe();
    if (opening && json_get_bool(module, "fits", false))
        devices_try(devices);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "driver", driver, "nvml", nvml, "devices",
        devices, "libraries", libraries_describe(), "module", module);
}

unsigned gpu_count(struct err *err) {
    json_t *devices = json_array(), *driver = driver_describe(devices);
    size_t n = json_array_size(devices);
    if (n == 0)
        err_set(err, ERR_UNSUPPORTED, "there is no GPU here that CUDA knows: %.300s",
            json_get_string(driver, "why", "the driver lists none"));
    json_decref(devices);
    json_decref(driver);
    return (unsigned)n;
}
