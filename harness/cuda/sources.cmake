# The part of the CUDA backend that every build has: looking for the module.
set(cuda_SOURCES cuda/load.c)

# The module's own files, by nvcc in CMakeLists.txt and as host C++ in tests/harness/shim.
set(cuda_MODULE_SOURCES
    attend.cu
    fetch.c
    finish.cu
    head.c
    logprobs.cu
    lt.c
    lt_load.c
    lt_plan.c
    matmul.cu
    memory.c
    norm.cu
    objects.c
    open.c
    ops.c
    pool.cu
    product.c
    rotate.cu
    rows.cu
    segments.c
    stage.c
    upload.c
)
