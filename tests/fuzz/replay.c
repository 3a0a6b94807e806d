/* Runs a fuzz target over the files given, for builds without libFuzzer: the seeds are tested
 * everywhere. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define SEED_BYTES_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool replay(const char *path, struct err *err) {
    struct strbuf bytes = { 0 };
    const bool ok = file_read(path, SEED_BYTES_MAX, &bytes, err);
    if (ok) {
        uint8_t *exact = xmalloc(bytes.len); /* so that a sanitizer sees a read past the end */
        memcpy(exact, bytes.text, bytes.len);
        LLVMFuzzerTestOneInput(exact, bytes.len);
        free(exact);
    }
    strbuf_release(&bytes);
    return ok;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct err err = ERR_INIT;
        if (!replay(argv[i], &err)) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
