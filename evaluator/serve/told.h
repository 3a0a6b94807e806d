/* What strangers are told has no addresses of this network in it. */
#ifndef ASSAY_SERVE_TOLD_H
#define ASSAY_SERVE_TOLD_H

#include <jansson.h>
#include <stddef.h>

/* In `text`, a buffer of `size` bytes: where the hub is not the public one, its URL or folder, and
 * its host with the port that libcurl names behind it, become "<hub>". NULL: it is the public one.
 */
void told_hide_hub(char *text, size_t size, const char *hub);

/* The same of a text in an object, if it is one; and of all texts of a list. */
void told_hide_in(json_t *object, const char *key, const char *hub);
void told_hide_in_list(json_t *list, const char *hub);

#endif
