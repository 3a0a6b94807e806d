/* Who asks: by a token in a header or a cookie, from an address; what they may, and how often. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "evaluator/serve/request.h"
#include "evaluator/serve/sign.h"

const char *request_header(const struct request *r, const char *name) {
    return MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name);
}

const char *request_query(const struct request *r, const char *name) {
    return MHD_lookup_connection_value(r->c, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- from where ---- */

static bool is_trusted(const struct server *s, const struct in6_addr *peer) {
    for (size_t i = 0; i < s->n_proxies; i++) {
        if (network_has(&s->proxies[i], peer)) {
            return true;
        }
    }
    return false;
}

/* False for a Unix socket, whose peer has no address. */
static bool peer_of(const struct request *r, struct in6_addr *peer) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    char text[INET6_ADDRSTRLEN] = "";
    if (a && a->sa_family == AF_INET6) {
        *peer = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        return true;
    }
    return a && a->sa_family == AF_INET &&
           inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text,
               sizeof text) &&
           address_parse(text, peer);
}

static void find_address(struct request *r) {
    struct in6_addr peer = IN6ADDR_LOOPBACK_INIT;
    static const struct network ANY_UNIX = { .address = IN6ADDR_LOOPBACK_INIT, .bits = 128 };
    bool inet = peer_of(r, &peer);
    bool trusted = inet ? is_trusted(r->s, &peer) : r->s->trusts_unix;
    const char *forwarded = trusted ? request_header(r, "X-Forwarded-For") : NULL;
    struct in6_addr client = inet ? header_client(forwarded, &peer, r->s->proxies, r->s->n_proxies)
                                  : header_client(forwarded, &peer, &ANY_UNIX, 1);
    const char *proto = trusted ? request_header(r, "X-Forwarded-Proto") : NULL;
    r->https = proto && !strcmp(proto, "https");
    // Who comes through a proxy that nobody named looks as if he sat here.
    bool behind = !trusted && (!inet || request_header(r, "X-Forwarded-For"));
    r->loopback = !behind && (IN6_IS_ADDR_LOOPBACK(&client) ||
                                 (IN6_IS_ADDR_V4MAPPED(&client) && client.s6_addr[12] == 127));
    address_text(&client, r->address);
    address_key(&client, r->address_key);
}

/* ---- whom ---- */

bool request_may(const struct request *r, const char *scope) {
    const char *at = strstr(r->who.scopes, scope);
    return r->who.token && (at || strstr(r->who.scopes, "admin"));
}

static bool refuse_token(struct request *r, enum MHD_Result *result) {
    *result = reply_problem(r, MHD_HTTP_UNAUTHORIZED, "unauthorized",
        "ask those who run this service for a token; they make it with 'assay token add'",
        "the token is not, or no longer, good");
    return false;
}

/* A token in a cookie is the browser's to send, from any page: it opens pages and forms, not the
 * API. */
static bool find_holder(struct request *r, enum MHD_Result *result) {
    const char *header = request_header(r, "Authorization");
    char token[200];
    bool found = false,
         cookie_counts = !(r->route->flags & ROUTE_API) || !(r->route->flags & ROUTE_CHANGE);
    struct err err = ERR_INIT;
    if (header && !header_bearer(header, token, sizeof token)) {
        return refuse_token(r, result);
    }
    r->by_cookie = !header && cookie_counts &&
                   header_cookie(request_header(r, "Cookie"), "assay_token", token, sizeof token);
    if (!header && !r->by_cookie) {
        return true;
    }
    if (!store_holder(r->s->store, token, &r->who, &found, &err)) {
        *result = reply_err(r, &err);
        return false;
    }
    return found || r->by_cookie || refuse_token(r, result);
}

static bool check_reading(struct request *r, enum MHD_Result *result) {
    r->closed = !(r->route->flags & ROUTE_OPEN) && path_is_closed(r->s, r->path);
    if (!r->closed || request_may(r, r->route->flags & ROUTE_CHANGE ? "submit" : "read")) {
        return true;
    }
    *result = reply_closed(r);
    return false;
}

/* ---- how often ---- */

static bool take(struct request *r, const char *kind, const char *key, unsigned rate,
    const char *what, enum MHD_Result *result) {
    unsigned wait_s = 1;
    if (limit_take(r->s->limits, kind, key, rate, r->begun_us / 1000, &wait_s)) {
        return true;
    }
    r->s->metrics->limited++;
    *result = reply_limited(r, wait_s, what);
    return false;
}

static bool check_changes(struct request *r, enum MHD_Result *result) {
    const struct serve_rates *rates = &r->s->o->rates;
    if (!r->who.token) {
        return take(r, "address", r->address_key, rates->address, "this address", result);
    }
    return take(r, "user", r->who.user, rates->user, r->who.user, result) &&
           (!*r->who.org || take(r, "org", r->who.org, rates->org, r->who.org, result));
}

static bool check_live(struct request *r, enum MHD_Result *result) {
    bool known = r->who.token != 0;
    return take(r, known ? "live user" : "live", known ? r->who.user : r->address_key,
        r->s->o->rates.live, known ? r->who.user : "this address", result);
}

/* ---- forms ---- */

void request_form_token(const struct request *r, char hex[65]) {
    sign_for(store_key(r->s->store), "form", r->form, hex);
}

bool request_form_valid(const struct request *r, const char *token) {
    char hex[65];
    if (!header_same_origin(request_header(r, "Sec-Fetch-Site"), request_header(r, "Origin"),
            request_header(r, "Host"))) {
        return false;
    }
    request_form_token(r, hex);
    return !r->form_is_new && secret_equal(hex, token);
}

static void find_form(struct request *r) {
    if (!header_cookie(request_header(r, "Cookie"), "assay_form", r->form, sizeof r->form) ||
        strlen(r->form) != 32) {
        random_hex(r->form, 16);
        r->form_is_new = true;
    }
}

void request_key(const struct server *s, long long id, char hex[65]) {
    char value[32];
    snprintf(value, sizeof value, "%lld", id);
    sign_for(store_key(s->store), "cancel", value, hex);
}

bool request_admit(struct request *r, enum MHD_Result *result) {
    find_address(r);
    if (r->route->flags & ROUTE_OPEN) {
        return true;
    }
    if (!(r->route->flags & ROUTE_API)) {
        find_form(r);
    }
    return take(r, "reads", r->address_key, r->s->o->rates.reads, "this address", result) &&
           find_holder(r, result) && check_reading(r, result) &&
           (!(r->route->flags & ROUTE_CHANGE) || check_changes(r, result)) &&
           (!(r->route->flags & ROUTE_LIVE) || check_live(r, result));
}
