/* Where very many small JSON values come and go, as in a site of ten thousand models: from
 * json_pool_use on, jansson takes them from lists of blocks of one size each, which cost a few
 * instructions and no header.
 *
 * It can be called at any time and by any thread: what malloc gave before goes back to free. What a
 * pool has grown to it keeps until the process ends. A text that jansson makes (json_dumps) would
 * be the pool's, and nothing for free: json_text (json.h) makes one that is.
 *
 * Does nothing where a sanitizer is to see every value, or where no address space can be had. */
#ifndef ASSAY_JSON_POOL_H
#define ASSAY_JSON_POOL_H

#include <stddef.h>

void json_pool_use(void);

/* What jansson is given; larger ones than JSON_POOL_BLOCK_MAX are malloc's. */
#define JSON_POOL_BLOCK_MAX 512
void *json_pool_alloc(size_t n);
void json_pool_free(void *block);

#endif
