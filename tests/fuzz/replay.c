/* Runs a fuzz target in builds without libFuzzer, so that the seeds are tested everywhere: over
 * each file given, over every file below each folder given, or, with nothing given, over an empty
 * input and some hundreds of made-up ones, the same on every machine. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define SEED_BYTES_MAX ((size_t)64 << 20)
#define MADE_UP_N 500
#define MADE_UP_BYTES_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void run(const void *bytes, size_t n, size_t *count) {
    uint8_t *exact = xmalloc(n); /* so that a sanitizer sees a read past the end */
    if (n)
        memcpy(exact, bytes, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    ++*count;
}

static bool replay_file(const char *path, size_t *count, struct err *err) {
    struct strbuf bytes = { 0 };
    const bool ok = file_read(path, SEED_BYTES_MAX, &bytes, err);
    if (ok)
        run(bytes.text, bytes.len, count);
    strbuf_release(&bytes);
    return ok;
}

static bool replay(const char *path, size_t *count, struct err *err) {
    if (!dir_exists(path))
        return replay_file(path, count, err);
    DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, ERR_FAILED, "could not open the folder '%s'", path);
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char *below = path_join(path, e->d_name);
        ok = replay(below, count, err);
        free(below);
    }
    closedir(dir);
    return ok;
}

/* Numbers from a fixed seed (xorshift). */
static uint32_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Bytes that parsers care about, more often than all the others. */
static uint8_t likely_byte(uint64_t *state) {
    static const char LIKELY[] =
        "{}[]()\"':,.\\/-+=<> \n\t\r0123456789eEtrufalsn%$\0\x01\x7f\x80\xbf\xc2\xe2\xed\xf0\xff";
    const uint32_t r = next(state);
    return r % 4 ? (uint8_t)LIKELY[(r >> 8) % (sizeof LIKELY - 1)] : (uint8_t)(r >> 16);
}

/* Every other input is changed from the one before instead of being new: damage that is small and
 * adds up gets further into a parser than noise. */
static void replay_made_up(size_t *count) {
    uint64_t state = 0x9e3779b97f4a7c15u;
    uint8_t bytes[MADE_UP_BYTES_MAX];
    size_t n = 0;
    run("", 0, count);
    for (int round = 0; round < MADE_UP_N; round++) {
        if (round % 2 == 0) {
            n = 1 + next(&state) % MADE_UP_BYTES_MAX;
            for (size_t i = 0; i < n; i++)
                bytes[i] = likely_byte(&state);
        } else {
            for (uint32_t changes = 1 + next(&state) % 4; changes--;)
                bytes[next(&state) % n] = likely_byte(&state);
        }
        run(bytes, n, count);
    }
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct err err = ERR_INIT;
        if (!replay(argv[i], &count, &err)) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
    }
    if (argc < 2)
        replay_made_up(&count);
    printf("%zu inputs\n", count);
    return 0;
}
