/* Addresses of a hub: what may be followed, what may carry the token, what belongs where. Private
 * to the hub room, but for address_is_public, which webhooks ask too. */
#ifndef ASSAY_HUB_URL_H
#define ASSAY_HUB_URL_H

#include <sys/socket.h>

#include "base/strbuf.h"

/* The same host and port, the scheme's own port where none is written. */
bool url_same_host(const char *a, const char *b);

/* A token goes over https, and over http only to this machine. */
bool url_token_allowed(const char *url);

/* http(s) only, and never from https down to http; `to` is absolute. */
MUST_CHECK bool url_redirect_allowed(const char *from, const char *to, struct err *err);

/* Percent-encodes all but letters, digits, "-._~" and, where wanted, '/'. */
void url_escape(struct strbuf *out, const char *text, bool keep_slashes);

/* What a Link header offers as rel="next": its path under the endpoint (the caller frees). NULL if
 * it offers none, and where it leads to another host. */
char *url_next_page(const char *link, const char *endpoint);

/* False for loopback, link-local, private and multicast networks, IPv4 within IPv6 included. */
bool address_is_public(const struct sockaddr *address);

#endif
