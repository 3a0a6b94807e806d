/* CUDA's runtime for the host, as far as harness/cuda calls it: a device of compute capability 9.0
 * whose memory is the heap, or ASSAY_SHIM_DEVICES of them.
 *
 * It is strict where a device would let a mistake pass by luck. Memory comes filled with poison and
 * is exactly as large as was asked for; under ASan the host may not touch it. What a stream is
 * given waits until somebody waits for the stream; with an odd seed it is done at once instead. So
 * a host buffer that is written too early, and one that is read too early, both come out wrong.
 *
 * Kernels go to streams of the device that is the thread's, events into streams of their own
 * device, and to no others, as on devices.
 *
 * A stream that is being captured does nothing: what it is given becomes a node of a graph. Calls
 * that a capture doesn't bear fail, and spoil it, as they do on a device; so do copies to and from
 * memory that isn't pinned, which a device may let pass. */
#include <shim_launch.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <limits.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdlib.h>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

enum {
    SHARED_DEFAULT = 48 << 10,
    SHARED_MAX = 227 << 10,
    GRID_YZ_MAX = 65535,
    ALIGNMENT = 256,   /* of cudaMalloc */
    SHADOWED = 8,      /* bytes that ASan keeps one for */
    NODE_BYTES = 1024, /* that a graph's node takes of the device */
};
/* 4 GiB, or ASSAY_SHIM_MEMORY bytes. */
static size_t memory_bytes(void) {
    const char *told = getenv("ASSAY_SHIM_MEMORY");
    return told != NULL ? (size_t)strtoull(told, NULL, 10) : (size_t)4 << 30;
}

enum { DEVICES_MAX = 16 };
static int n_devices(void) {
    const char *told = getenv("ASSAY_SHIM_DEVICES");
    return told != NULL ? (int)strtol(told, NULL, 10) : 1;
}

typedef std::function<void()> work;

struct node {
    const void *what; /* a kernel, or whose address stands for a kind of copy */
    work does;
};
struct CUgraph_st {
    std::vector<node> nodes;
};
struct CUgraphExec_st {
    std::vector<node> nodes;
    size_t bytes;
    int device;
};
struct capture {
    enum cudaStreamCaptureMode mode;
    std::thread::id thread;
    bool spoilt;
    std::vector<node> nodes;
};
struct CUstream_st {
    std::deque<work> queue;
    uint64_t n_given, n_begun;
    std::unique_ptr<struct capture> capture; /* or none */
    int device;
};
struct CUevent_st {
    int device;
    struct CUstream_st *stream; /* NULL: not recorded */
    uint64_t n_given;           /* of the stream, when it was recorded */
    std::shared_ptr<double> ms; /* on the clock, once the stream has come to it */
    bool captured;
};

static std::recursive_mutex lock;
static thread_local cudaError_t last_error;
static thread_local int current; /* device */
static struct CUstream_st default_stream;
static std::map<const char *, size_t> devices[DEVICES_MAX], pinned; /* bytes by address */
static std::map<const void *, size_t> shared_max;                   /* by kernel */
static std::set<struct CUstream_st *> streams;
static std::map<const void *, std::pair<const char *, shim_bind_fn *>> kernels;
static size_t device_bytes[DEVICES_MAX];
static unsigned n_working[DEVICES_MAX], n_graph_launches;
static bool is_open[DEVICES_MAX];
static const char copying = 0, setting = 0, recording = 0, waiting = 0, calling = 0; /* nodes */

typedef std::lock_guard<std::recursive_mutex> guard;

static cudaError_t result(cudaError_t e) {
    if (e != cudaSuccess)
        last_error = e;
    return e;
}

/* ---- what the device does, and when ---- */

/* All of a device's memory, for as long as its streams are at work: only a kernel asks for it,
 * which may read and write anywhere. */
static void device_open(int number) {
    if (is_open[number])
        return;
    is_open[number] = true;
    for (auto &part : devices[number])
        ASAN_UNPOISON_MEMORY_REGION(part.first, part.second);
}

static void device_shut(int number) {
    if (!is_open[number] || n_working[number] > 0)
        return;
    is_open[number] = false;
    for (auto &part : devices[number])
        ASAN_POISON_MEMORY_REGION(part.first, part.second);
}

static struct CUstream_st *stream_of(cudaStream_t stream) {
    return stream != NULL ? stream : &default_stream;
}

/* Every device has a default stream. */
static bool is_of(cudaStream_t stream, int device) {
    return stream == NULL || stream->device == device;
}

static void drain(struct CUstream_st *s, uint64_t n_until) {
    n_working[s->device]++;
    while (s->n_begun < n_until) {
        work next = std::move(s->queue.front());
        s->queue.pop_front();
        s->n_begun++;
        next();
    }
    n_working[s->device]--;
    device_shut(s->device);
}

static void drain(struct CUstream_st *s) {
    drain(s, s->n_given);
}

static cudaError_t give(cudaStream_t stream, const void *what, work w) {
    struct CUstream_st *s = stream_of(stream);
    if (s->capture) {
        s->capture->nodes.push_back({ what, std::move(w) });
        return result(s->capture->spoilt ? cudaErrorStreamCaptureInvalidated : cudaSuccess);
    }
    s->queue.push_back(std::move(w));
    s->n_given++;
    if (shim_seed() % 2)
        drain(s);
    return cudaSuccess;
}

uint64_t shim_give(cudaStream_t stream, std::function<void()> w) {
    guard g(lock);
    give(stream, &calling, std::move(w));
    return stream_of(stream)->n_given;
}

void shim_drain(cudaStream_t stream, uint64_t n_until) {
    guard g(lock);
    drain(stream_of(stream), n_until);
}

static cudaError_t spoil(struct CUstream_st *s, cudaError_t e) {
    s->capture->spoilt = true;
    return result(e);
}

/* Of calls that a thread may not make while it captures, unless it said that it takes care. */
static cudaError_t spoil_careless(void) {
    cudaError_t e = cudaSuccess;
    for (struct CUstream_st *s : streams)
        if (s->capture && s->capture->mode != cudaStreamCaptureModeRelaxed &&
            s->capture->thread == std::this_thread::get_id())
            e = spoil(s, cudaErrorStreamCaptureUnsupported);
    return e;
}
#define FAILS_IN_A_CAPTURE                                                                         \
    do {                                                                                           \
        cudaError_t careless = spoil_careless();                                                   \
        if (careless != cudaSuccess)                                                               \
            return careless;                                                                       \
    } while (0)

/* ---- launches ---- */

static bool launch_fits(const void *kernel, const struct shim_launch &l) {
    uint64_t n_threads = (uint64_t)l.block.x * l.block.y * l.block.z;
    auto raised = shared_max.find(kernel);
    size_t most = raised != shared_max.end() ? raised->second : (size_t)SHARED_DEFAULT;
    return n_threads > 0 && n_threads <= SHIM_THREADS_MAX && l.block.z <= 64 && l.grid.x > 0 &&
           l.grid.y > 0 && l.grid.z > 0 && l.grid.x <= INT_MAX && l.grid.y <= GRID_YZ_MAX &&
           l.grid.z <= GRID_YZ_MAX && l.shared_bytes <= most;
}

void shim_launch_add(const void *kernel, const struct shim_launch &launch, cudaStream_t stream) {
    guard g(lock);
    if (!launch_fits(kernel, launch))
        last_error = cudaErrorInvalidConfiguration;
    else
        give(stream, kernel, [launch, device = stream_of(stream)->device] {
            device_open(device);
            shim_run(launch);
        });
}

void shim_kernel_add(const void *kernel, const char *name, shim_bind_fn *bind) {
    guard g(lock);
    kernels[kernel] = { name, bind };
}

cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments,
    size_t shared_bytes, cudaStream_t stream) {
    guard g(lock);
    auto known = kernels.find(kernel);
    if (known == kernels.end())
        return result(cudaErrorInvalidDeviceFunction);
    if (!is_of(stream, current))
        return result(cudaErrorInvalidResourceHandle);
    shim_launch_add(kernel,
        { known->second.first, grid, block, shared_bytes, known->second.second(kernel, arguments) },
        stream);
    return last_error;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute attribute, int value) {
    guard g(lock);
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return cudaSuccess;
    if (value < 0 || value > SHARED_MAX)
        return result(cudaErrorInvalidValue);
    shared_max[kernel] = std::max((size_t)value, (size_t)SHARED_DEFAULT);
    return cudaSuccess;
}

/* ---- errors and devices ---- */

const char *cudaGetErrorName(cudaError_t e) {
    switch (e) {
    case cudaSuccess:
        return "cudaSuccess";
    case cudaErrorInvalidValue:
        return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
        return "cudaErrorInvalidConfiguration";
    case cudaErrorNoDevice:
        return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
        return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
        return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
        return "cudaErrorNotReady";
    case cudaErrorNotSupported:
        return "cudaErrorNotSupported";
    case cudaErrorInvalidDeviceFunction:
        return "cudaErrorInvalidDeviceFunction";
    case cudaErrorStreamCaptureUnsupported:
        return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
        return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorCapturedEvent:
        return "cudaErrorCapturedEvent";
    case cudaErrorGraphExecUpdateFailure:
        return "cudaErrorGraphExecUpdateFailure";
    }
    return "unknown error";
}

const char *cudaGetErrorString(cudaError_t e) {
    return cudaGetErrorName(e);
}

cudaError_t cudaPeekAtLastError(void) {
    return last_error;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t e = last_error;
    last_error = cudaSuccess;
    return e;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n) {
    *n = n_devices();
    return cudaSuccess;
}

static bool is_device(int number) {
    return number >= 0 && number < n_devices() && number < DEVICES_MAX;
}

cudaError_t cudaSetDevice(int number) {
    if (!is_device(number))
        return result(cudaErrorInvalidDevice);
    current = number;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *number) {
    *number = current;
    return cudaSuccess;
}

/* None has another's memory mapped: copies between them go the long way round. */
cudaError_t cudaDeviceCanAccessPeer(int *can, int number, int peer) {
    *can = 0;
    return result(is_device(number) && is_device(peer) ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) {
    return result(cudaErrorNotSupported);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int number) {
    if (!is_device(number))
        return result(cudaErrorInvalidDevice);
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        *value = SHIM_THREADS_MAX;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = SHARED_DEFAULT;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = SHARED_MAX;
        return cudaSuccess;
    case cudaDevAttrWarpSize:
        *value = SHIM_WARP;
        return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
        *value = 4;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = 9;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = 0;
        return cudaSuccess;
    }
    return result(cudaErrorInvalidValue);
}

/* ---- memory ---- */

static bool lies_in(const std::map<const char *, size_t> &parts, const void *p) {
    auto after = parts.upper_bound((const char *)p);
    if (after == parts.begin())
        return false;
    auto part = std::prev(after);
    return (const char *)p < part->first + part->second;
}

/* On which device an address is; -1: on none. */
int shim_device_of(const void *p) {
    guard g(lock);
    for (int i = 0; i < DEVICES_MAX; i++) {
        if (lies_in(devices[i], p))
            return i;
    }
    return -1;
}

static bool on_device(const void *p) {
    return shim_device_of(p) >= 0;
}

cudaError_t cudaMalloc(void **p, size_t bytes) {
    guard g(lock);
    *p = NULL;
    FAILS_IN_A_CAPTURE;
    if (bytes == 0)
        return cudaSuccess;
    if (bytes + device_bytes[current] > memory_bytes() || posix_memalign(p, ALIGNMENT, bytes) != 0)
        return result(cudaErrorMemoryAllocation);
    memset(*p, SHIM_POISON, bytes);
    ASAN_POISON_MEMORY_REGION(*p, bytes);
    devices[current][(const char *)*p] = bytes;
    device_bytes[current] += bytes;
    return cudaSuccess;
}

/* Everything that was given is done first: it may use the memory. */
cudaError_t cudaFree(void *p) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    if (p == NULL)
        return cudaSuccess;
    int number = shim_device_of(p);
    if (number < 0 || devices[number].count((const char *)p) == 0)
        return result(cudaErrorInvalidValue);
    auto found = devices[number].find((const char *)p);
    cudaDeviceSynchronize();
    ASAN_UNPOISON_MEMORY_REGION(p, found->second);
    device_bytes[number] -= found->second;
    devices[number].erase(found);
    free(p);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    guard g(lock);
    *total = memory_bytes();
    *free_bytes = *total > device_bytes[current] ? *total - device_bytes[current] : 0;
    return cudaSuccess;
}

cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    pinned[(const char *)p] = bytes;
    return cudaSuccess;
}

cudaError_t cudaHostUnregister(void *p) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    return result(pinned.erase((const char *)p) == 1 ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    if (posix_memalign(p, ALIGNMENT, bytes) != 0)
        return result(cudaErrorMemoryAllocation);
    memset(*p, SHIM_POISON, bytes);
    return cudaHostRegister(*p, bytes, flags);
}

cudaError_t cudaMallocHost(void **p, size_t bytes) {
    return cudaHostAlloc(p, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *p) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    cudaDeviceSynchronize();
    cudaError_t e = p == NULL ? cudaSuccess : cudaHostUnregister(p);
    if (e == cudaSuccess)
        free(p);
    return e;
}

extern "C" __attribute__((visibility("default"))) size_t shim_pinned_bytes(void) {
    guard g(lock);
    size_t bytes = 0;
    for (auto &part : pinned)
        bytes += part.second;
    return bytes;
}

/* ---- copies ---- */

struct plane {
    char *to;
    const char *from;
    size_t to_pitch, from_pitch, width, height;
};

/* A range of one allocation, out to where shadow bytes begin: all of a device would take its time.
 */
struct range {
    int device;
    const char *begin;
    size_t bytes;
};

/* Of memory that isn't a device's there is nothing to open. */
static struct range range_open(const void *p, size_t bytes) {
    int device = shim_device_of(p);
    if (device < 0 || is_open[device])
        return { -1, NULL, 0 };
    auto part = std::prev(devices[device].upper_bound((const char *)p));
    size_t first = (size_t)((const char *)p - part->first), end = first + bytes;
    if (end > part->second)
        shim_report("a copy goes past the end of what was allocated");
    first -= first % SHADOWED;
    end = std::min((end + SHADOWED - 1) / SHADOWED * SHADOWED, part->second);
    ASAN_UNPOISON_MEMORY_REGION(part->first + first, end - first);
    return { device, part->first + first, end - first };
}

static void range_shut(const struct range &r) {
    if (r.device >= 0 && !is_open[r.device])
        ASAN_POISON_MEMORY_REGION(r.begin, r.bytes);
}

/* Both devices' memory is there while it is copied. */
void shim_copy_peer(void *to, const void *from, size_t bytes) {
    guard g(lock);
    if (bytes == 0)
        return;
    struct range a = range_open(to, bytes), b = range_open(from, bytes);
    memcpy(to, from, bytes);
    range_shut(b);
    range_shut(a);
}

static size_t reach(size_t pitch, const struct plane &c) {
    return (c.height - 1) * pitch + c.width;
}

static void copy_now(const struct plane &c) {
    if (c.height == 0 || c.width == 0)
        return;
    struct range to = range_open(c.to, reach(c.to_pitch, c));
    struct range from = range_open(c.from, reach(c.from_pitch, c));
    for (size_t i = 0; i < c.height; i++)
        memcpy(c.to + i * c.to_pitch, c.from + i * c.from_pitch, c.width);
    range_shut(from);
    range_shut(to);
}

/* A side that is called the device's must be. */
static bool kind_fits(enum cudaMemcpyKind kind, const struct plane &c) {
    bool to = on_device(c.to), from = on_device(c.from);
    return kind == cudaMemcpyDefault ||
           (to == (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
               from == (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice));
}

static cudaError_t settle(struct CUstream_st *s) {
    drain(s);
    return cudaSuccess;
}

/* From pageable memory the bytes are taken before the call returns, and to it they have come by
 * then; pinned memory is read or written whenever the stream gets there. */
static cudaError_t copy(struct plane c, enum cudaMemcpyKind kind, cudaStream_t stream) {
    guard g(lock);
    if (c.width == 0 || c.height == 0)
        return cudaSuccess;
    if (!kind_fits(kind, c))
        return result(cudaErrorInvalidValue);
    struct CUstream_st *s = stream_of(stream);
    bool to_waits = on_device(c.to) || lies_in(pinned, c.to);
    bool from_waits = on_device(c.from) || lies_in(pinned, c.from);
    if (s->capture && (!to_waits || !from_waits))
        return spoil(s, cudaErrorStreamCaptureUnsupported);
    if (from_waits)
        return give(stream, &copying, [c] { copy_now(c); }), to_waits ? cudaSuccess : settle(s);
    std::vector<char> taken(c.height * c.width);
    copy_now({ taken.data(), c.from, c.width, c.from_pitch, c.width, c.height });
    give(stream, &copying, [c, taken] {
        copy_now({ c.to, taken.data(), c.to_pitch, c.width, c.width, c.height });
    });
    return to_waits ? cudaSuccess : settle(s);
}

cudaError_t cudaMemcpyAsync(
    void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    return copy({ (char *)to, (const char *)from, bytes, bytes, bytes, 1 }, kind, stream);
}

cudaError_t cudaMemcpyPeerAsync(
    void *to, int to_device, const void *from, int from_device, size_t bytes, cudaStream_t stream) {
    guard g(lock);
    if (bytes == 0)
        return cudaSuccess;
    if (shim_device_of(to) != to_device || shim_device_of(from) != from_device)
        return result(cudaErrorInvalidValue);
    return give(stream, &copying, [=] { shim_copy_peer(to, from, bytes); });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
    size_t width, size_t height, enum cudaMemcpyKind kind, cudaStream_t stream) {
    if (width > to_pitch || width > from_pitch)
        return result(cudaErrorInvalidValue);
    return copy(
        { (char *)to, (const char *)from, to_pitch, from_pitch, width, height }, kind, stream);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    FAILS_IN_A_CAPTURE;
    cudaError_t e = cudaMemcpyAsync(to, from, bytes, kind, NULL);
    return e == cudaSuccess ? cudaStreamSynchronize(NULL) : e;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    guard g(lock);
    if (bytes > 0 && !on_device(to))
        return result(cudaErrorInvalidValue);
    return give(stream, &setting, [=] {
        struct range r = range_open(to, bytes);
        memset(to, value, bytes);
        range_shut(r);
    });
}

cudaError_t cudaMemset(void *to, int value, size_t bytes) {
    FAILS_IN_A_CAPTURE;
    cudaError_t e = cudaMemsetAsync(to, value, bytes, NULL);
    return e == cudaSuccess ? cudaStreamSynchronize(NULL) : e;
}

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    guard g(lock);
    *stream = new CUstream_st();
    (*stream)->device = current;
    streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    guard g(lock);
    if (streams.erase(stream) == 0)
        return result(cudaErrorInvalidResourceHandle);
    drain(stream);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    guard g(lock);
    if (stream_of(stream)->capture)
        return spoil(stream_of(stream), cudaErrorStreamCaptureUnsupported);
    drain(stream_of(stream));
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void) {
    guard g(lock);
    FAILS_IN_A_CAPTURE;
    drain(&default_stream);
    for (struct CUstream_st *s : streams)
        drain(s);
    return cudaSuccess;
}

/* A stream that is asked gets on. */
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return cudaStreamSynchronize(stream);
}

/* None where ASSAY_SHIM_EVENTS is 0. */
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    const char *told = getenv("ASSAY_SHIM_EVENTS");
    if (told != NULL && strcmp(told, "0") == 0)
        return result(cudaErrorMemoryAllocation);
    *event = new CUevent_st();
    (*event)->device = current;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    guard g(lock);
    if (!is_of(stream, event->device))
        return result(cudaErrorInvalidResourceHandle);
    auto ms = std::make_shared<double>(0);
    give(stream, &recording, [ms] {
        *ms = std::chrono::duration<double, std::milli>(
            std::chrono::steady_clock::now().time_since_epoch())
                  .count();
    });
    *event = { event->device, stream_of(stream), stream_of(stream)->n_given, ms,
        stream_of(stream)->capture != nullptr };
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    guard g(lock);
    if (event->captured)
        return event->stream->capture ? spoil(event->stream, cudaErrorCapturedEvent)
                                      : result(cudaErrorCapturedEvent);
    FAILS_IN_A_CAPTURE;
    if (event->stream != NULL)
        drain(event->stream, event->n_given);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    return cudaEventSynchronize(event);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    guard g(lock);
    struct CUevent_st recorded = *event;
    if (recorded.stream == NULL || recorded.stream == stream_of(stream))
        return cudaSuccess;
    return give(stream, &waiting, [recorded] { drain(recorded.stream, recorded.n_given); });
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    if (from->ms == nullptr || to->ms == nullptr)
        return result(cudaErrorInvalidResourceHandle);
    *ms = (float)(*to->ms - *from->ms);
    return cudaSuccess;
}

/* ---- graphs: what one stream was given, to be given again ---- */

extern "C" __attribute__((visibility("default"))) unsigned shim_graph_launches(void) {
    return n_graph_launches;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    guard g(lock);
    if (stream == NULL || stream->capture)
        return result(cudaErrorInvalidValue);
    stream->capture = std::make_unique<struct capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    guard g(lock);
    *graph = NULL;
    if (stream == NULL || !stream->capture)
        return result(cudaErrorInvalidValue);
    std::unique_ptr<struct capture> capture = std::move(stream->capture);
    if (capture->spoilt)
        return result(cudaErrorStreamCaptureInvalidated);
    *graph = new CUgraph_st { std::move(capture->nodes) };
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n) {
    if (nodes != NULL)
        return result(cudaErrorNotSupported);
    *n = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long) {
    guard g(lock);
    size_t bytes = graph->nodes.size() * NODE_BYTES;
    *exec = NULL;
    if (bytes + device_bytes[current] > memory_bytes())
        return result(cudaErrorMemoryAllocation);
    device_bytes[current] += bytes;
    *exec = new CUgraphExec_st { graph->nodes, bytes, current };
    return cudaSuccess;
}

/* Other arguments, and nothing else. */
static bool alike(const std::vector<node> &a, const std::vector<node> &b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                       [](auto &x, auto &y) { return x.what == y.what; });
}

cudaError_t cudaGraphExecUpdate(
    cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *info) {
    guard g(lock);
    *info = {};
    if (!alike(exec->nodes, graph->nodes)) {
        info->result = cudaGraphExecUpdateErrorTopologyChanged;
        return result(cudaErrorGraphExecUpdateFailure);
    }
    exec->nodes = graph->nodes;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    guard g(lock);
    n_graph_launches++;
    for (auto &n : exec->nodes)
        give(stream, n.what, n.does);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    guard g(lock);
    device_bytes[exec->device] -= exec->bytes;
    delete exec;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
