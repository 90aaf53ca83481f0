/* Which webhooks a list is of. Who is shown no more of a URL than its host cannot look for the rest of it, or would find it
 * letter by letter. */
#include "webhook_choice.h"

#include "core/webhook.h"
#include "input.h"

#define SEARCH_MAX 200

static const char *const answers[] = {"false", "true", NULL};

static void read_search(struct call *call, struct str *search)
{
    struct str value = input_value(call, "search");

    if (value.p != NULL && (value.n == 0 || str_characters(value) > SEARCH_MAX))
        fields_problem(&call->fields, "search", "must have 1 to 200 characters");
    else
        *search = value;
}

bool webhook_choice_read(struct call *call, int column, struct webhook_choice *choice)
{
    *choice = (struct webhook_choice){
        .app = call->app, .status = -1, .needs_attention = -1, .sees_all = call_sees_all(call)};
    input_enum(call, "status", webhook_status_names, &choice->status);
    input_enum(call, "needs_attention", answers, &choice->needs_attention);
    read_search(call, &choice->search);
    struct page *page = page_read(call, ID_WEBHOOK);
    if (page == NULL)
        return false;
    page->scan = column;
    choice->before = page->before;
    choice->limit = page->limit + 1;
    return true;
}
