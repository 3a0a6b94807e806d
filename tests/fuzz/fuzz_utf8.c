/* Bytes as text: what is repaired is valid, repairing is done once, and valid text is not touched.
 */
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes;
    size_t n, again_n;
    char *repaired = utf8_repair(text, size, &n);
    char *again = utf8_repair(repaired, n, &again_n);
    BUG_IF(!utf8_valid(repaired, n) || n != again_n || memcmp(repaired, again, n) != 0);
    BUG_IF(utf8_valid(text, size) && (n != size || (n && memcmp(repaired, text, n) != 0)));
    BUG_IF(utf8_length(text, size) > size || utf8_length(repaired, n) > utf8_length(text, size));
    free(again);
    free(repaired);
    return 0;
}
