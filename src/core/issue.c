/* The names of the states of issues. */
#include "core/issue.h"

#include <stddef.h>

const char *const issue_status_names[] = {
    [ISSUE_OPEN] = "open",
    [ISSUE_ACKNOWLEDGED] = "acknowledged",
    [ISSUE_RESOLVED] = "resolved",
    NULL,
};
