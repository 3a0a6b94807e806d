/* Opening the device that a model runs on, or the devices. */
#include <stdlib.h>
#include <string.h>

#include "harness/cuda/load.h"
#include "harness/model/model.h"

/* Files in f32 run in f32; others in bf16 where the processor has it (the backend's name says so).
 * Eight bits change answers and are never chosen for anybody. */
static enum dtype dtype_resolve(
    enum dtype asked, const char *weight_dtype, const struct backend *b) {
    if (asked != DTYPE_AUTO)
        return asked;
    bool full = strcmp(weight_dtype, "F32") == 0 || strcmp(weight_dtype, "F64") == 0;
    return !full && b && strstr(b->ops->caps(b)->name, "bf16") ? DTYPE_BF16 : DTYPE_F32;
}

uint32_t devices_count(const struct model_options *o) {
    return o->tensor_parallel > 1 ? o->tensor_parallel : 1;
}

static bool has_own_memory(const char *device) {
    return strncmp(device, "cuda", 4) == 0;
}

/* The i-th device from the one named on: cuda:2, cuda:3; of processors there is one, which all
 * share. */
static struct backend *device_open(
    const char *first, uint32_t i, const struct backend_config *config, struct err *err) {
    char name[64];
    const char *number = strchr(first, ':');
    if (i == 0 || !has_own_memory(first) || (number && strspn(number + 1, "0123456789") == 0))
        return backend_device_open(first, config, err);
    snprintf(name, sizeof name, "cuda:%lu", (number ? strtoul(number + 1, NULL, 10) : 0) + i);
    return backend_device_open(name, config, err);
}

static struct backend_config config_of(const struct model_options *o, const char *device,
    enum dtype dtype, const struct packs_config *packs) {
    uint32_t n = devices_count(o);
    struct backend_config config = { .dtype = dtype,
        .threads = o->threads,
        .gemm = o->gemm ? o->gemm : "auto",
        .packs = packs,
        .weights = o->weights };
    if (!has_own_memory(device) || o->total_bytes)
        config.weight_room = memory_for_weights(o);
    if (n == 1)
        return config;
    unsigned threads = o->threads ? o->threads : pool_default_threads();
    config.threads = threads > n ? threads / n : 1;
    if (!has_own_memory(device))
        config.weight_room /= n;
    return config;
}

static void close_all(struct backend **devices, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        devices[i]->ops->close(devices[i]);
}

static bool open_all(const char *device, uint32_t n, const struct backend_config *config,
    struct backend **out, struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        out[i] = device_open(device, i, config, err);
        if (out[i])
            continue;
        close_all(out, i);
        return n == 1 ? false : err_wrap(err, "device %u of --tensor-parallel %u", i + 1, n);
    }
    return true;
}

bool devices_open(const struct model_options *o, const char *weight_dtype,
    const struct packs_config *packs, struct backend *out[CUT_MAX], enum dtype *dtype,
    struct err *err) {
    const char *device = o->device ? o->device : "auto";
    uint32_t n = devices_count(o);
    if (o->dtype == DTYPE_F16) {
        err_set(err, ERR_UNSUPPORTED, "dtype f16 is not available on this device");
        return err_hint(err, "use --dtype bf16 or f32");
    }
    enum dtype first = o->dtype == DTYPE_AUTO ? DTYPE_F32 : o->dtype;
    struct backend_config config = config_of(o, device, first, packs);
    if (!open_all(device, n, &config, out, err))
        return false;
    *dtype = dtype_resolve(o->dtype, weight_dtype, out[0]);
    if (*dtype == first)
        return true;
    close_all(out, n);
    config.dtype = *dtype;
    return open_all(device, n, &config, out, err);
}
