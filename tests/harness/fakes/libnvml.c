/* NVML for tests: knows the devices of the fake driver by their place on the bus; device 1 has
 * memory errors where FAKE_SICK is set, and NVML itself does not start where FAKE_NVML is 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL __attribute__((visibility("default")))

struct memory {
    unsigned long long total, free, used;
};
struct busy {
    unsigned gpu, memory;
};
static int devices[256];

CALL int nvmlInit_v2(void) {
    const char *said = getenv("FAKE_NVML");
    return said && !strcmp(said, "0") ? 18 : 0;
}
CALL int nvmlShutdown(void) {
    return 0;
}
CALL const char *nvmlErrorString(int code) {
    return code == 18 ? "Driver/library version mismatch" : "some error";
}
CALL int nvmlSystemGetDriverVersion(char *version, unsigned n) {
    snprintf(version, n, "590.1.2");
    return 0;
}
CALL int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
    unsigned at = 0;
    if (sscanf(bus, "0000:%X:00.0", &at) != 1 || at > 255)
        return 6;
    devices[at] = (int)at - 7;
    *device = &devices[at];
    return 0;
}
CALL int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory) {
    memory->used = (unsigned long long)(1 + *(int *)device) << 30;
    return 0;
}
CALL int nvmlDeviceGetUtilizationRates(void *device, struct busy *busy) {
    busy->gpu = (unsigned)(10 * *(int *)device);
    return 0;
}
CALL int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) {
    (void)device;
    *celsius = sensor == 0 ? 41 : 0;
    return 0;
}
CALL int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *next) {
    (void)device;
    (void)now;
    (void)next;
    return 3; /* not supported: not a word of it */
}
CALL int nvmlDeviceGetEccMode(void *device, unsigned *now, unsigned *next) {
    *now = *next = *(int *)device == 0;
    return 0;
}
CALL int nvmlDeviceGetTotalEccErrors(void *device, int kind, int since, unsigned long long *count) {
    *count = getenv("FAKE_SICK") && *(int *)device == 1 && kind == 1 && since == 0 ? 3 : 0;
    return 0;
}
CALL int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *list) {
    (void)list;
    *count = (unsigned)*(int *)device;
    return *count ? 7 : 0;
}
