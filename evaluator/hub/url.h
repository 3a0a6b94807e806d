/* Addresses of a hub: what may be followed, what may carry the token, what belongs where. Of
 * the hub room; remote/ asks endpoints by it, too. */
#ifndef ASSAY_HUB_URL_H
#define ASSAY_HUB_URL_H

#include "base/address.h"
#include "base/strbuf.h"

/* The same host and port, the scheme's own port where none is written. */
bool url_same_host(const char *a, const char *b);

/* "host:port" of an address, in lower case; NULL if it is none. The caller frees. */
char *url_host(const char *url);

/* A token goes over https, and over http only to this machine. */
bool url_token_allowed(const char *url);

/* http(s) only, and never from https down to http; `to` is absolute. */
MUST_CHECK bool url_redirect_allowed(const char *from, const char *to, struct err *err);

/* Percent-encodes all but letters, digits, "-._~" and, where wanted, '/'. */
void url_escape(struct strbuf *out, const char *text, bool keep_slashes);

/* What a Link header offers as rel="next": its path under the endpoint (the caller frees). NULL if
 * it offers none, and where it leads to another host. */
char *url_next_page(const char *link, const char *endpoint);

/* Of an address that is written as a number in a URL, or is called localhost; ADDRESS_PUBLIC else.
 */
enum address_kind url_address_kind(const char *url);

/* The proxy for a URL: what the environment names for its scheme, unless no_proxy has its host.
 * NULL: none. */
const char *url_proxy(const char *url);

#endif
