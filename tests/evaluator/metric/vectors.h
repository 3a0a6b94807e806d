/* The recorded vectors of tests/fixtures/metric, for the metric tests. */
#ifndef ASSAY_TESTS_METRIC_VECTORS_H
#define ASSAY_TESTS_METRIC_VECTORS_H

#include "tests/vectors.h"

static inline json_t *vectors_load(const char *section) {
    return vectors_of("metric", section);
}

#endif
