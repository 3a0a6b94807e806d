/* Bytes as a file of weights that has no name (so of any format that is told by its bytes), and the
 * prints of its tensors, which are compared with other models' and go into a database. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool look(const struct tensor_print *p, void *arg, struct err *err) {
    (void)arg;
    (void)err;
    BUG_IF(!p->name || !p->n_elements || strspn(p->hash, "0123456789abcdef") != 64);
    BUG_IF(p->n_values != 0 && p->n_values != TENSOR_PRINT_VALUES);
    for (size_t i = 0; i < p->n_values; i++)
        BUG_IF(!isfinite(p->values[i]));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char path[64];
    struct err err = ERR_INIT;
    int fd = memfd_create("weights", MFD_CLOEXEC);
    BUG_IF(fd < 0 || write(fd, bytes, size) != (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!model_prints(path, look, NULL, &err))
        BUG_IF(err.class == ERR_NONE);
    close(fd);
    return 0;
}
