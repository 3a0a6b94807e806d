/* What device.cuh has for nvcc, for the host. */
#ifndef ASSAY_SHIM_LAUNCH_H
#define ASSAY_SHIM_LAUNCH_H

#include <cuda_runtime.h>
#include <functional>

#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
    shim_enqueue(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)
#define LAUNCH_SHARED_MAX(kernel, bytes)                                                           \
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(bytes))
#define DYNAMIC_SHARED(type, name) type *name = (type *)shim_block_now.shared

/* Refused, as a device would, where a limit is passed; the next cudaGetLastError says so. */
void shim_launch_add(const void *kernel, const struct shim_launch &launch, cudaStream_t stream);

/* For libraries that the tests stand in for. Work that a stream comes to, and how much it has been
 * given with that; a stream as far as that much. On which device an address is (-1: on none), and a
 * copy from one to another, made now. */
uint64_t shim_give(cudaStream_t stream, std::function<void()> work);
void shim_drain(cudaStream_t stream, uint64_t n_given);
int shim_device_of(const void *p);
void shim_copy_peer(void *to, const void *from, size_t bytes);

/* Arguments are kept by value until the stream comes to the launch. */
template <typename... P, typename... A>
static inline void shim_enqueue(const char *name, void (*kernel)(P...), dim3 grid, dim3 block,
    size_t shared_bytes, cudaStream_t stream, A... arguments) {
    shim_launch_add((const void *)kernel,
        { name, grid, block, shared_bytes, [=] { kernel(arguments...); } }, stream);
}

#endif
