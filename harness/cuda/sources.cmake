# The part of the CUDA backend that every build has: looking for GPUs and for the module.
set(cuda_SOURCES cuda/describe.c cuda/driver.c cuda/dynamic.c cuda/load.c cuda/nvml.c)

# The module's own files, by nvcc in CMakeLists.txt and as host C++ in tests/harness/shim.
set(cuda_MODULE_SOURCES
    attend.cu
    attend_lists.c
    attend_mma.cu
    attend_shaped.cu
    attend_tiles.c
    attend_work.c
    elements.c
    elements.cu
    expand.cu
    fetch.c
    finish.cu
    gemm_mma.cu
    group.c
    groups.c
    groups.cu
    head.c
    head_mma.cu
    limits.c
    lists.c
    logprobs.cu
    lt.c
    lt_load.c
    lt_plan.c
    matmul.cu
    memory.c
    nccl.c
    norm.cu
    objects.c
    open.c
    ops.c
    packed.c
    pool.cu
    recur.c
    recur.cu
    product.c
    rotate.cu
    rows.cu
    segments.c
    stage.c
    sum.cu
    upload.c
)
