/* What the tests of weight files share: a scratch folder, small builders of both formats, and the
 * assertion that a file is refused with a message that says why. */
#ifndef ASSAY_TESTS_WEIGHT_FILES_H
#define ASSAY_TESTS_WEIGHT_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "harness/weights.h"

/* cmocka setup and teardown: *state is the path of an empty folder, removed afterwards. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

/* Writes dir/name and returns its path, which the caller frees. */
char *file_put(const char *dir, const char *name, const void *bytes, size_t n);

/* A folder of the shared fixtures; NULL, with the reason printed, where they aren't there. The
 * caller frees. */
char *shared_path(const char *below);

/* Asserts the class and that the message holds every fragment (up to a NULL). */
void assert_error(const struct err *err, enum err_class class, ...);

/* Opens everything of the malformed corpus that `is_ours`; what its manifest wants refused must be,
 * naming the file and giving the hinted reason. Returns how many were tried. */
size_t malformed_check(const char *folder, bool (*is_ours)(const char *file));

/* ---- safetensors ---- */

/* Length, header, and data_n bytes counting 0, 1, 2, ... */
void st_build(struct strbuf *out, const char *header, size_t data_n);
void st_build_n(struct strbuf *out, const char *header, size_t header_n, size_t data_n);

/* ---- GGUF ---- */

void gguf_begin(struct strbuf *out, uint32_t version, uint64_t n_tensors, uint64_t n_keys);
void gguf_u32(struct strbuf *out, uint32_t v);
void gguf_u64(struct strbuf *out, uint64_t v);
void gguf_string(struct strbuf *out, const char *s);
void gguf_key(struct strbuf *out, const char *key, uint32_t type); /* the value follows */
void gguf_key_u32(struct strbuf *out, const char *key, uint32_t v);
void gguf_key_string(struct strbuf *out, const char *key, const char *v);
void gguf_key_array(
    struct strbuf *out, const char *key, uint32_t type, uint64_t n); /* the elements follow */
/* dims as in the file: the contiguous one first, ended by 0 */
void gguf_tensor(
    struct strbuf *out, const char *name, const uint64_t *dims, uint32_t type, uint64_t offset);
void gguf_pad(struct strbuf *out, size_t alignment);

#endif
