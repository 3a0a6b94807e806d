/* The driver's own library, as far as it says what is there (see probe.h). */
#include "harness/cuda/dynamic.h"
#include "harness/cuda/probe.h"

/* cuda.h's, by their names and numbers: a machine without the toolkit has no such header. */
enum { CU_MAJOR = 75, CU_MINOR = 76, CU_NO_DEVICE = 100, DEVICES_MAX = 1024 };
struct driver {
    int (*init)(unsigned flags);
    int (*version)(int *version);
    int (*count)(int *count);
    int (*device)(int *device, int index);
    int (*name)(char *name, int n, int device);
    int (*memory)(size_t *bytes, int device);
    int (*attribute)(int *value, int attribute, int device);
    int (*bus)(char *id, int n, int device);
    int (*error)(int code, const char **text);
};
#define AT(field) offsetof(struct driver, field)
static const struct dynamic_symbol symbols[] = {
    { "cuInit", AT(init) },
    { "cuDriverGetVersion", AT(version) },
    { "cuDeviceGetCount", AT(count) },
    { "cuDeviceGet", AT(device) },
    { "cuDeviceGetName", AT(name) },
    { "cuDeviceTotalMem_v2", AT(memory) },
    { "cuDeviceGetAttribute", AT(attribute) },
    { "cuDeviceGetPCIBusId", AT(bus) },
    { "cuGetErrorString", AT(error) },
    { NULL, 0 },
};

static bool refuse(const struct driver *d, int code, const char *what, struct err *err) {
    const char *text = NULL;
    if (d->error(code, &text) != 0 || text == NULL)
        text = "an error without a name";
    return err_set(err, ERR_UNSUPPORTED, "%s: %.200s (%d)", what, text, code);
}

/* A text of the driver's, which ends whatever it wrote. */
static void add_text(json_t *to, const char *key, int code, char *text, size_t n) {
    text[n - 1] = '\0';
    if (code == 0)
        json_object_set_new(to, key, json_string(text));
}

static bool add_device(const struct driver *d, int index, json_t *devices, struct err *err) {
    int device, major, minor, code = d->device(&device, index);
    char name[256] = "", bus[32] = "", compute[32];
    size_t bytes;
    if (code != 0)
        return refuse(d, code, "a device could not be asked", err);
    json_t *said = json_pack("{s:i}", "index", index);
    add_text(said, "name", d->name(name, sizeof name, device), name, sizeof name);
    add_text(said, "pci", d->bus(bus, sizeof bus, device), bus, sizeof bus);
    if (d->attribute(&major, CU_MAJOR, device) == 0 &&
        d->attribute(&minor, CU_MINOR, device) == 0) {
        snprintf(compute, sizeof compute, "%d.%d", major, minor);
        json_object_set_new(said, "compute", json_string(compute));
    }
    if (d->memory(&bytes, device) == 0)
        json_object_set_new(said, "memory_bytes", json_integer((json_int_t)bytes));
    json_array_append_new(devices, said);
    return true;
}

static bool list_devices(const struct driver *d, json_t *devices, struct err *err) {
    int n = 0, code = d->init(0);
    if (code == CU_NO_DEVICE)
        return true;
    if (code != 0)
        return refuse(d, code, "the driver could not be started", err);
    if ((code = d->count(&n)) != 0)
        return refuse(d, code, "devices could not be counted", err);
    bool ok = true;
    for (int i = 0; ok && i < n && i < DEVICES_MAX; i++)
        ok = add_device(d, i, devices, err);
    return ok;
}

json_t *driver_describe(json_t *devices) {
    static const char *const names[] = { "libcuda.so.1", "libcuda.so", NULL };
    const char *file = NULL;
    struct driver d;
    struct err err = ERR_INIT;
    json_t *said = json_object();
    void *library = dynamic_open(names, &file, &err);
    bool ok = library != NULL && dynamic_bind(library, symbols, &d, &err);
    int version = 0;
    char text[32];
    if (file != NULL)
        json_object_set_new(said, "file", json_string(file));
    if (ok && d.version(&version) == 0 && version > 0) {
        snprintf(text, sizeof text, "%d.%d", version / 1000, version % 1000 / 10);
        json_object_set_new(said, "cuda", json_string(text));
    }
    ok = ok && list_devices(&d, devices, &err);
    json_object_set_new(said, "found", json_boolean(ok));
    if (!ok)
        json_object_set_new(said, "why", json_string(err.msg));
    return said;
}
