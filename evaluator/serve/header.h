/* What stands in the headers of a request: strangers' bytes, read under ceilings.
 *
 * Each reader takes the header's value, or NULL where there is none. */
#ifndef ASSAY_SERVE_HEADER_H
#define ASSAY_SERVE_HEADER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word behind "Bearer", of at most size - 1 visible characters; false if it is none. */
bool header_bearer(const char *value, char *word, size_t size);
/* One cookie of a Cookie header; false if it isn't there, is longer, or holds what no cookie of
 * ours does (letters, digits, '_', '.', '-'). */
bool header_cookie(const char *value, const char *name, char *word, size_t size);
/* 1 to 200 visible ASCII characters. */
bool header_key_valid(const char *value);
/* Is the media type this one, with no more behind it than parameters? */
bool header_is_type(const char *value, const char *type);
/* Does a list of codings (Accept-Encoding) allow this one? */
bool header_accepts(const char *value, const char *coding);
/* Is one of the tags of If-None-Match this one ("\"x\"", weak or not), or is it "*"? */
bool header_matches(const char *value, const char *tag);
/* Was it sent by a page of ours? By Sec-Fetch-Site where the browser says it, else by Origin and
 * Host. Where it says neither, nothing speaks against it. */
bool header_same_origin(const char *site, const char *origin, const char *host);
/* A Host that can be written into an address: letters, digits, '.', '-', ':', '[' and ']'. */
bool header_host_valid(const char *value);

/* A network: an address and how many bits of it count. IPv4 lies within IPv6 (::ffff:0:0/96). */
struct network {
    struct in6_addr address;
    unsigned bits;
};
bool network_parse(const char *text, struct network *network);
bool address_parse(const char *text, struct in6_addr *address);
bool network_has(const struct network *network, const struct in6_addr *address);
/* From the right of X-Forwarded-For, the first address that is not of the proxies; `peer` where the
 * peer is none, or the header can't be read to there. */
struct in6_addr header_client(
    const char *forwarded, const struct in6_addr *peer, const struct network *proxies, size_t n);
/* For people, and as what rates are counted by: IPv6 by its network of 64 bits. */
void address_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);
void address_key(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);

#endif
