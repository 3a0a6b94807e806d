/* A store of answers with any bytes: opened for reading, cut by its writer, and taken as what a
 * job's process hands over. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "evaluator/eval/memo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(int fd, const uint8_t *data, size_t size) {
    struct memo *m = memo_open(&(struct memo_options) { .fd = fd });
    uint8_t key[MEMO_KEY] = { 0 };
    volatile unsigned sum = 0;
    for (size_t at = 0; at + MEMO_KEY <= size && at < 256; at += 8) {
        size_t n;
        memcpy(key, data + at, MEMO_KEY);
        const uint8_t *found = memo_find(m, key, &n);
        sum += found && n ? found[0] + found[n - 1] : 0u; /* all of it can be read */
    }
    memo_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = ERR_INIT;
    struct memo_writer w = { .max_bytes = 1 << 20 };
    int fd = memfd_create("store", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        return 0;
    }
    look_up(fd, data, size);
    w.fd = fd;
    if (memo_writer_add(&w, data, size, &err)) {
        look_up(fd, data, size);
    }
    close(fd);
    return 0;
}
