/* NVML, which knows how a device is doing (see probe.h). Devices are found by their place on the
 * bus: NVML's own numbers are in another order than CUDA's, and know nothing of
 * CUDA_VISIBLE_DEVICES. */
#include "harness/cuda/dynamic.h"
#include "harness/cuda/probe.h"

/* nvml.h's, by their names and numbers. */
enum { NVML_TEMPERATURE_GPU = 0, NVML_UNCORRECTED = 1, NVML_SINCE_BOOT = 0, NVML_TOO_SMALL = 7 };
struct nvml_memory {
    unsigned long long total, free, used;
};
struct nvml_busy {
    unsigned gpu, memory;
};
struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*driver)(char *version, unsigned n);
    int (*find)(const char *bus, void **device);
    int (*memory)(void *device, struct nvml_memory *memory);
    int (*busy)(void *device, struct nvml_busy *busy);
    int (*temperature)(void *device, int sensor, unsigned *celsius);
    int (*mig)(void *device, unsigned *now, unsigned *next);
    int (*ecc)(void *device, unsigned *now, unsigned *next);
    int (*ecc_errors)(void *device, int kind, int since, unsigned long long *count);
    int (*processes)(void *device, unsigned *count, void *list);
    const char *(*error)(int code);
};
#define AT(field) offsetof(struct nvml, field)
static const struct dynamic_symbol symbols[] = {
    { "nvmlInit_v2", AT(init) },
    { "nvmlShutdown", AT(shutdown) },
    { "nvmlSystemGetDriverVersion", AT(driver) },
    { "nvmlDeviceGetHandleByPciBusId_v2", AT(find) },
    { "nvmlDeviceGetMemoryInfo", AT(memory) },
    { "nvmlDeviceGetUtilizationRates", AT(busy) },
    { "nvmlDeviceGetTemperature", AT(temperature) },
    { "nvmlDeviceGetMigMode", AT(mig) },
    { "nvmlDeviceGetEccMode", AT(ecc) },
    { "nvmlDeviceGetTotalEccErrors", AT(ecc_errors) },
    { "nvmlDeviceGetComputeRunningProcesses_v3", AT(processes) },
    { "nvmlErrorString", AT(error) },
    { NULL, 0 },
};

static void add_number(json_t *to, const char *key, int code, unsigned long long value) {
    if (code == 0)
        json_object_set_new(to, key, json_integer((json_int_t)value));
}

static void add_switch(json_t *to, const char *key, int code, unsigned value) {
    if (code == 0)
        json_object_set_new(to, key, json_boolean(value != 0));
}

static void add_health(const struct nvml *n, void *device, json_t *to) {
    struct nvml_memory memory;
    struct nvml_busy busy;
    unsigned celsius, now, next, count = 0;
    unsigned long long errors;
    int code = n->memory(device, &memory);
    add_number(to, "memory_used_bytes", code, memory.used);
    code = n->busy(device, &busy);
    add_number(to, "busy_percent", code, busy.gpu);
    code = n->temperature(device, NVML_TEMPERATURE_GPU, &celsius);
    add_number(to, "temperature_c", code, celsius);
    code = n->mig(device, &now, &next);
    add_switch(to, "mig", code, now);
    code = n->ecc(device, &now, &next);
    add_switch(to, "ecc", code, now);
    code = n->ecc_errors(device, NVML_UNCORRECTED, NVML_SINCE_BOOT, &errors);
    add_number(to, "ecc_errors", code, errors);
    code = n->processes(device, &count, NULL); /* no room for a list: it says how many there are */
    add_number(to, "processes", code == NVML_TOO_SMALL ? 0 : code, count);
}

static bool add_all(const struct nvml *n, json_t *devices, json_t *said, struct err *err) {
    char version[96] = "";
    size_t i;
    json_t *each;
    int code = n->init();
    if (code != 0)
        return err_set(
            err, ERR_UNSUPPORTED, "it could not be started: %.200s (%d)", n->error(code), code);
    if (n->driver(version, sizeof version) == 0)
        json_object_set_new(said, "driver", json_string(version));
    json_array_foreach(devices, i, each) {
        void *device = NULL;
        const char *bus = json_get_string(each, "pci", NULL);
        if (bus != NULL && n->find(bus, &device) == 0)
            add_health(n, device, each);
    }
    n->shutdown();
    return true;
}

json_t *nvml_describe(json_t *devices) {
    static const char *const names[] = { "libnvidia-ml.so.1", "libnvidia-ml.so", NULL };
    const char *file = NULL;
    struct nvml n;
    struct err err = ERR_INIT;
    json_t *said = json_object();
    void *library = dynamic_open(names, &file, &err);
    bool ok = library != NULL && dynamic_bind(library, symbols, &n, &err) &&
              add_all(&n, devices, said, &err);
    if (file != NULL)
        json_object_set_new(said, "file", json_string(file));
    json_object_set_new(said, "found", json_boolean(ok));
    if (!ok)
        json_object_set_new(said, "why", json_string(err.msg));
    return said;
}
