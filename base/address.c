/* See address.h. */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static enum address_kind ipv4_kind(uint32_t a) {
    static const struct {
        uint32_t net, mask;
        enum address_kind kind;
    } INSIDE[] = {
        { 0x00000000, 0xff000000, ADDRESS_NEVER },    /* 0/8 */
        { 0x0a000000, 0xff000000, ADDRESS_PRIVATE },  /* 10/8 */
        { 0x64400000, 0xffc00000, ADDRESS_PRIVATE },  /* 100.64/10 */
        { 0x7f000000, 0xff000000, ADDRESS_LOOPBACK }, /* 127/8 */
        { 0xa9fe0000, 0xffff0000, ADDRESS_NEVER },    /* 169.254/16 */
        { 0xac100000, 0xfff00000, ADDRESS_PRIVATE },  /* 172.16/12 */
        { 0xc0a80000, 0xffff0000, ADDRESS_PRIVATE },  /* 192.168/16 */
        { 0xe0000000, 0xe0000000, ADDRESS_NEVER },    /* 224/3: multicast and reserved */
    };
    for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++) {
        if ((a & INSIDE[i].mask) == INSIDE[i].net) {
            return INSIDE[i].kind;
        }
    }
    return ADDRESS_PUBLIC;
}

static uint32_t big_endian(const unsigned char *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static enum address_kind ipv6_kind(const unsigned char b[16]) {
    static const unsigned char MAPPED[12] = { [10] = 0xff, [11] = 0xff }, ZERO[12] = { 0 },
                               NAT64[12] = { 0, 0x64, 0xff, 0x9b };
    if (!memcmp(b, ZERO, 12) && big_endian(b + 12) == 1) {
        return ADDRESS_LOOPBACK;
    }
    if (!memcmp(b, MAPPED, 12) || !memcmp(b, ZERO, 12) || !memcmp(b, NAT64, 12)) { /* :: is 0/8 */
        return ipv4_kind(big_endian(b + 12));
    }
    bool local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
    return b[0] == 0xff || local   ? ADDRESS_NEVER
           : (b[0] & 0xfe) == 0xfc ? ADDRESS_PRIVATE
                                   : ADDRESS_PUBLIC;
}

enum address_kind address_kind(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ipv4_kind(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6) {
        return ADDRESS_NEVER;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return ipv6_kind(in6.sin6_addr.s6_addr);
}

bool address_is_public(const struct sockaddr *address) {
    return address_kind(address) == ADDRESS_PUBLIC;
}

bool address_text_kind(const char *text, enum address_kind *kind) {
    unsigned char raw[16];
    if (inet_pton(AF_INET, text, raw) == 1) {
        *kind = ipv4_kind(big_endian(raw));
        return true;
    }
    if (inet_pton(AF_INET6, text, raw) == 1) {
        *kind = ipv6_kind(raw);
        return true;
    }
    return false;
}

bool address_allowed(enum address_kind from, enum address_kind to) {
    return to == ADDRESS_PUBLIC || (to != ADDRESS_NEVER && to == from) ||
           (to == ADDRESS_PRIVATE && from == ADDRESS_LOOPBACK);
}
