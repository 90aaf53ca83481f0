/* Whose address counts. What a proxy adds stands last; what stands before it anybody may have written. */
#include "client.h"

#include "core/address.h"
#include "core/settings.h"

#include <netinet/in.h>

/* The piece behind the last comma, taken off `*list`. */
static struct str take_last(struct str *list)
{
    size_t n = list->n;

    while (n > 0 && list->p[n - 1] != ',')
        n--;
    struct str last = {list->p + n, list->n - n};
    list->n = n > 0 ? n - 1 : 0;
    return str_trim(last);
}

bool client_address(const struct call *call, struct sockaddr_storage *address)
{
    const struct networks *proxies = &call->api->settings->proxies;
    struct str rest = call_header(call, "x-forwarded-for");

    if (!call_peer(call, address))
        return false;
    ((struct sockaddr_in *)address)->sin_port = 0; /* it stands at the same place in IPv6's */
    if (call_header_comes_twice(call, "x-forwarded-for"))
        return !networks_contain(proxies, (struct sockaddr *)address);
    while (networks_contain(proxies, (struct sockaddr *)address) && rest.n > 0)
        if (!address_parse(take_last(&rest), address))
            return false;
    return true;
}
