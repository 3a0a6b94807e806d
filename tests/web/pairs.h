/* Two models whose documents' scores are known, and what base/stats makes of them: the page that
 * compares models must show the same. */
#ifndef ASSAY_TESTS_WEB_PAIRS_H
#define ASSAY_TESTS_WEB_PAIRS_H

#include "base/strbuf.h"

#include <jansson.h>

/* The demo, in which two embedding models have scores in clusters and subsets. */
json_t *pairs_document(void);
/* A script for the page of SmolLM2-135M-Instruct and its ten layers, and one for the page of the
 * two embedding models: true, or what is not as it should be. */
void pairs_expect_shares(struct strbuf *script);
void pairs_expect_means(struct strbuf *script);

#endif
