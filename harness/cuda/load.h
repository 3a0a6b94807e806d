/* The CUDA backend as the program sees it: a module that is looked for at run time, so that the
 * program starts and says what is missing where there is no module, driver or device.
 *
 * The module is the file that ASSAY_CUDA_MODULE names (empty: none); else libassay_cuda.so in the
 * program's own folder, in ../lib/assay beside that, or where the dynamic linker looks. */
#ifndef ASSAY_HARNESS_CUDA_LOAD_H
#define ASSAY_HARNESS_CUDA_LOAD_H

#include "harness/backend.h"

/* What both sides must agree about; the module exports one as `assay_cuda_door`. Sizes catch a
 * module of another build before its table is read wrongly. */
struct cuda_door {
    uint32_t version, ops_bytes, config_bytes, caps_bytes, err_bytes, source_bytes;
};
enum { CUDA_DOOR_VERSION = 1 };
#define CUDA_DOOR                                                                                  \
    {                                                                                              \
        CUDA_DOOR_VERSION, sizeof(struct backend_ops), sizeof(struct backend_config),              \
            sizeof(struct backend_caps), sizeof(struct err), sizeof(struct weight_source)          \
    }

/* The module's one entry, `assay_cuda_open`. */
typedef struct backend *cuda_open_fn(
    const struct backend_config *config, int device, struct err *err);

/* The module, opened; false with *err where there is none, or none of this build. The path is the
 * caller's to free, in both cases; `handle` is NULL where nothing was opened. */
struct cuda_module {
    char *path;
    void *handle;
};
MUST_CHECK bool cuda_module_find(struct cuda_module *module, struct err *err);

/* ERR_UNSUPPORTED with a hint where the module, the driver or the device is not there. */
MUST_CHECK struct backend *backend_cuda_open(
    const struct backend_config *config, int device, struct err *err);

/* "cpu", "cuda", "cuda:N", or "auto": the processor, for as long as the module has not been seen to
 * agree with it on a real device. */
MUST_CHECK struct backend *backend_device_open(
    const char *device, const struct backend_config *config, struct err *err);

#endif
