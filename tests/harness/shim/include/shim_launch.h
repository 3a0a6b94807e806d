/* What device.cuh has for nvcc, for the host. */
#ifndef ASSAY_SHIM_LAUNCH_H
#define ASSAY_SHIM_LAUNCH_H

#include <tuple>
#include <utility>

#include <cuda_runtime.h>
#include <functional>

#define LAUNCH_SHARED_MAX(kernel, bytes)                                                           \
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(bytes))
#define DYNAMIC_SHARED(type, name) type *name = (type *)shim_block_now.shared

/* What a launch comes to, its arguments taken from where they lie. */
typedef std::function<void()> shim_bind_fn(const void *kernel, void *const *arguments);
/* From now on, cudaLaunchKernel can launch it. */
void shim_kernel_add(const void *kernel, const char *name, shim_bind_fn *bind);
/* Refused, as a device would, where a limit is passed; the next cudaGetLastError says so. */
void shim_launch_add(const void *kernel, const struct shim_launch &launch, cudaStream_t stream);

/* For libraries that the tests stand in for. Work that a stream comes to, and how much it has been
 * given with that; a stream as far as that much. On which device an address is (-1: on none), and a
 * copy from one to another, made now. */
uint64_t shim_give(cudaStream_t stream, std::function<void()> work);
void shim_drain(cudaStream_t stream, uint64_t n_given);
int shim_device_of(const void *p);
void shim_copy_peer(void *to, const void *from, size_t bytes);

template <typename... P, size_t... I>
static inline std::function<void()> shim_bind_each(
    void (*kernel)(P...), void *const *arguments, std::index_sequence<I...>) {
    std::tuple<P...> kept(*(P *)arguments[I]...);
    return [=] { std::apply(kernel, kept); };
}
template <typename... P>
static inline std::function<void()> shim_bind(const void *kernel, void *const *arguments) {
    return shim_bind_each((void (*)(P...))kernel, arguments, std::index_sequence_for<P...>());
}

/* Of a kernel that is named in the source: said once for each. */
template <typename... P> static inline void shim_known(const char *name, void (*kernel)(P...)) {
    shim_kernel_add((const void *)kernel, name, shim_bind<P...>);
}
#define KERNEL_KNOWN(kernel) shim_known(#kernel, kernel)

#endif
