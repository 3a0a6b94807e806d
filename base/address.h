/* What kind of network an address is in: who may be led where. */
#ifndef ASSAY_BASE_ADDRESS_H
#define ASSAY_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE,
    ADDRESS_LOOPBACK,
    ADDRESS_NEVER, /* link-local (where clouds keep their secrets), multicast, reserved */
};
/* IPv4 within IPv6 counts as what it is. Of another family: ADDRESS_NEVER. */
enum address_kind address_kind(const struct sockaddr *address);
/* Of an address written as one, "10.0.0.1" or "fe80::1" without brackets; false where it is none.
 */
bool address_text_kind(const char *text, enum address_kind *kind);

/* May somebody who lies in a network of this kind lead us into one of that? */
bool address_allowed(enum address_kind from, enum address_kind to);

bool address_is_public(const struct sockaddr *address);

#endif
