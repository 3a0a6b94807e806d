# The part of the CUDA backend that every build has: looking for the module.
set(cuda_SOURCES cuda/load.c)

# The module's own files, by nvcc in CMakeLists.txt and as host C++ in tests/harness/shim.
set(cuda_MODULE_SOURCES
    attend.cu
    expand.cu
    gemm_mma.cu
    groups.c
    groups.cu
    head.c
    head_mma.cu
    logprobs.cu
    matmul.cu
    norm.cu
    objects.c
    open.c
    ops.c
    packed.c
    pool.cu
    rotate.cu
    rows.cu
    segments.c
)
