# The part of the CUDA backend that every build has: looking for the module.
set(cuda_SOURCES cuda/load.c)

# The module's own files, by nvcc in CMakeLists.txt and as host C++ in tests/harness/shim.
set(cuda_MODULE_SOURCES
    attend.cu
    attend_lists.c
    attend_mma.cu
    attend_shaped.cu
    attend_tiles.c
    attend_work.c
    head.c
    logprobs.cu
    matmul.cu
    norm.cu
    objects.c
    open.c
    ops.c
    pool.cu
    rotate.cu
    rows.cu
    segments.c
)
