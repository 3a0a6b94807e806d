/* GPUs: the driver, each device and how it is doing, and whether Assay's module runs on it (see
 * doctor.h). A machine without any is well; one where something that is there doesn't work is not.
 */
#include <string.h>

#include "base/strbuf.h"
#include "evaluator/cli/doctor.h"
#include "harness/harness.h"

static const char *why_of(const json_t *said) {
    return json_get_string(said, "why", "unknown reason");
}

static void check_driver(struct checkup *c, const json_t *driver, const json_t *nvml, size_t n) {
    struct strbuf text = { 0 };
    bool found = json_get_bool(driver, "found", false),
         there = json_object_get(driver, "file") != NULL;
    if (found) {
        const char *version = json_get_string(nvml, "driver", NULL);
        strbuf_addf(&text, "driver%s%.60s for CUDA %.20s, %zu device%s", version ? " " : "",
            version ? version : "", json_get_string(driver, "cuda", "?"), n, n == 1 ? "" : "s");
    } else if (there) {
        strbuf_addf(&text, "the driver does not work: %.300s; does nvidia-smi?", why_of(driver));
    } else {
        strbuf_addf(&text, "none: there is no NVIDIA driver (%.200s)", why_of(driver));
    }
    doctor_note(c, "gpu", found || !there, strbuf_str(&text));
    strbuf_release(&text);
    if (found && n > 0 && !json_get_bool(nvml, "found", false)) {
        char said[400];
        snprintf(said, sizeof said, "not here, so how devices are doing is not known: %.300s",
            why_of(nvml));
        doctor_note(c, "nvml", true, said);
    }
}

static void add_memory(struct strbuf *text, const json_t *device) {
    double total = json_get_number(device, "memory_bytes", 0),
           used = json_get_number(device, "memory_used_bytes", -1);
    strbuf_addf(text, ", %.1f GB", total / 1e9);
    if (used >= 0)
        strbuf_addf(text, " (%.1f in use)", used / 1e9);
}

static void add_health(struct strbuf *text, const json_t *device) {
    long long busy = json_get_int(device, "busy_percent", -1),
              processes = json_get_int(device, "processes", -1),
              celsius = json_get_int(device, "temperature_c", -1);
    if (busy >= 0)
        strbuf_addf(text, ", %lld %% busy", busy);
    if (processes > 0)
        strbuf_addf(text, " by %lld process%s", processes, processes == 1 ? "" : "es");
    if (celsius >= 0)
        strbuf_addf(text, ", %lld °C", celsius);
    if (json_get_bool(device, "mig", false))
        strbuf_adds(text, ", in parts (MIG)");
    if (json_object_get(device, "ecc") && !json_get_bool(device, "ecc", true))
        strbuf_adds(text, ", ECC off");
}

/* What is wrong with it; false where something is. */
static bool add_trouble(struct strbuf *text, const json_t *device) {
    long long errors = json_get_int(device, "ecc_errors", 0);
    const json_t *opens = json_object_get(device, "opens");
    if (json_is_true(opens))
        strbuf_addf(text, "; runs as %.60s", json_get_string(device, "backend", "?"));
    else if (opens)
        strbuf_addf(text, "; the module does not open it: %.200s", why_of(device));
    if (errors > 0)
        strbuf_addf(text, "; %lld uncorrected memory errors since it was started", errors);
    return errors == 0 && !json_is_false(opens);
}

static void check_device(struct checkup *c, const json_t *device) {
    struct strbuf text = { 0 };
    char what[32];
    snprintf(what, sizeof what, "cuda:%lld", json_get_int(device, "index", 0));
    strbuf_addf(&text, "%.100s, compute %.20s", json_get_string(device, "name", "unnamed"),
        json_get_string(device, "compute", "?"));
    add_memory(&text, device);
    add_health(&text, device);
    bool well = add_trouble(&text, device);
    doctor_note(c, what, well, strbuf_str(&text));
    strbuf_release(&text);
}

/* Where there is a device, what is missing to use it; where there is none, only what is broken. */
static void check_module(struct checkup *c, const json_t *module, bool any) {
    bool found = json_get_bool(module, "found", false), fits = json_get_bool(module, "fits", false);
    char text[600];
    if (!any && !found)
        return;
    if (fits)
        snprintf(text, sizeof text, "%.400s, of this build", json_get_string(module, "file", ""));
    else if (found)
        snprintf(text, sizeof text,
            "%.300s is not of this build: build both by 'cmake --preset cuda'",
            json_get_string(module, "file", ""));
    else
        snprintf(text, sizeof text,
            "not here: build it where nvcc is ('cmake --preset cuda'), or name it by "
            "ASSAY_CUDA_MODULE (%.200s)",
            why_of(module));
    doctor_note(c, "cuda module", fits || !found, text);
}

static void check_libraries(struct checkup *c, const json_t *libraries) {
    size_t i;
    json_t *each;
    json_array_foreach(libraries, i, each) {
        char text[400];
        bool found = json_get_bool(each, "found", false);
        const char *by = json_get_string(each, "named_by", NULL);
        snprintf(text, sizeof text, "%s%.300s%s%.40s%s",
            found ? "" : "not here: ", found ? json_get_string(each, "file", "") : why_of(each),
            by ? " (" : "", by ? by : "", by ? " names it)" : "");
        doctor_note(c, json_get_string(each, "name", ""), true, text);
    }
}

void doctor_gpu(struct checkup *c, const struct args *args) {
    (void)args;
    c->gpus = gpu_describe(true);
    const json_t *devices = json_object_get(c->gpus, "devices");
    size_t n = json_array_size(devices);
    check_driver(c, json_object_get(c->gpus, "driver"), json_object_get(c->gpus, "nvml"), n);
    for (size_t i = 0; i < n; i++) {
        check_device(c, json_array_get(devices, i));
    }
    check_module(c, json_object_get(c->gpus, "module"), n > 0);
    if (n > 0) {
        check_libraries(c, json_object_get(c->gpus, "libraries"));
    }
}
