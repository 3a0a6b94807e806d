/* Keyed hashes, random words, and comparing secrets. */
#ifndef ASSAY_SERVE_SIGN_H
#define ASSAY_SERVE_SIGN_H

#include <stdbool.h>
#include <stddef.h>

/* HMAC-SHA-256 (RFC 2104) in hex. */
void sign_hex(const void *key, size_t key_n, const void *text, size_t n, char hex[65]);
/* Of "purpose:value" under a key that is text: what is derived for one purpose is no use for
 * another. */
void sign_for(const char *key, const char *purpose, const char *value, char hex[65]);
/* 2 n hex digits of the system's randomness, and NUL. */
void random_hex(char *hex, size_t n);
/* In time that tells nothing of where they differ. */
bool secret_equal(const char *a, const char *b);

#endif
