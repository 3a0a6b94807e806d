/* Nothing but whether there is a GPU that the module opens, and what multiplies matrices there
 * (script/gpu-day reads that line): skips with the reason where there is none, so that a run of
 * `ctest -L gpu` says what it was about, and fails with it where one is required. */
#include "gpu_there.h"

int main(void) {
    if (!gpu_there())
        return gpu_skip();
    const struct backend_config config = { .dtype = DTYPE_BF16, .gemm = "auto" };
    struct err err = ERR_INIT;
    struct backend *b = backend_cuda_open(&config, 0, &err);
    if (b == NULL) {
        printf("%s\n", err.msg);
        return 1;
    }
    const struct backend_caps *caps = b->ops->caps(b);
    printf("%s, gemm %s\n", caps->name, caps->gemm);
    b->ops->close(b);
    return 0;
}
