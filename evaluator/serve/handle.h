/* What libmicrohttpd calls. Private to the room. */
#ifndef ASSAY_SERVE_HANDLE_H
#define ASSAY_SERVE_HANDLE_H

#include <microhttpd.h>

void *handle_begin(void *server, const char *uri, struct MHD_Connection *c);
enum MHD_Result handle_request(void *server, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *body, size_t *body_n, void **state);
void handle_end(
    void *server, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how);
void handle_connection(void *server, struct MHD_Connection *c, void **watched,
    enum MHD_ConnectionNotificationCode what);

#endif
