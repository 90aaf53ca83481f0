/* Who asks, by address. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "call.h"

/* The other end of the connection or, where that is a proxy of POSTHORN_TRUSTED_PROXIES, the last address of
 * X-Forwarded-For that is none; the port is 0. False: it is not known. */
bool client_address(const struct call *call, struct sockaddr_storage *address);

#endif
