/* See precision.h. */
#include "base/precision.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *dtype, *caveat;
} CAVEATS[] = {
    { "int8", "weights and activations in eight bits, which changes answers: of small models about "
              "one in twenty nearest neighbours, and one in twelve choices by likelihood per "
              "byte" },
};

const char *precision_caveat(const char *dtype) {
    for (size_t i = 0; dtype && i < sizeof CAVEATS / sizeof *CAVEATS; i++) {
        if (strcmp(CAVEATS[i].dtype, dtype) == 0)
            return CAVEATS[i].caveat;
    }
    return NULL;
}
