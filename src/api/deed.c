/* What a call does. */
#include "deed.h"

#include "client.h"
#include "core/address.h"
#include "core/key.h"

struct deed *deed_on(struct call *call, enum audit_action action, const char *field)
{
    struct deed *deed = call_alloc(call, sizeof *deed);
    char *text = call_alloc(call, ADDRESS_TEXT_SIZE);
    struct sockaddr_storage address;

    deed->action = action;
    deed->actor = call->scope == SCOPE_ADMIN ? AUDIT_BY_ADMIN_KEY : AUDIT_BY_KEY;
    deed->key = call->key;
    deed->request = call->id;
    if (client_address(call, &address))
        deed->address = str_of(address_text(text, &address));
    if (field != NULL)
        deed->fields[deed->field_count++] = field;
    return deed;
}

struct deed *deed_of(struct call *call, enum audit_action action)
{
    struct deed *deed = deed_on(call, action, NULL);

    for (int i = 0; i < DEED_FIELDS_MAX; i++)
        if ((call->given >> i & 1) != 0)
            deed->fields[deed->field_count++] = call->table[i].name;
    return deed;
}
