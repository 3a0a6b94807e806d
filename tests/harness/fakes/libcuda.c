/* A driver's library for tests: as many devices as FAKE_GPUS says; -1: it cannot be started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL __attribute__((visibility("default")))

static int gpus(void) {
    const char *said = getenv("FAKE_GPUS");
    return said ? atoi(said) : 1;
}

CALL int cuInit(unsigned flags) {
    (void)flags;
    return gpus() < 0 ? 999 : gpus() == 0 ? 100 : 0;
}
CALL int cuDriverGetVersion(int *version) {
    *version = 13020;
    return 0;
}
CALL int cuDeviceGetCount(int *count) {
    *count = gpus();
    return 0;
}
CALL int cuDeviceGet(int *device, int index) {
    *device = 7 + index; /* a handle, not the index */
    return 0;
}
CALL int cuDeviceGetName(char *name, int n, int device) {
    snprintf(name, (size_t)n, "Fake G%d", device - 7);
    return 0;
}
CALL int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    (void)device;
    *bytes = (size_t)80 << 30;
    return 0;
}
CALL int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    *value = attribute == 75 ? 9 : 0;
    return 0;
}
CALL int cuDeviceGetPCIBusId(char *id, int n, int device) {
    snprintf(id, (size_t)n, "0000:%02X:00.0", device);
    return 0;
}
CALL int cuGetErrorString(int code, const char **text) {
    *text = code == 999 ? "unknown error" : "some error";
    return 0;
}
