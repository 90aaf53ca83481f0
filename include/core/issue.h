/* Issues: failures of a webhook that are alike, and where people are with them. */
#ifndef CORE_ISSUE_H
#define CORE_ISSUE_H

/* The numbers of the column. Macros, because the text of SQL is made from them (store/sql.h). */
#define ISSUE_OPEN_NUMBER         0
#define ISSUE_ACKNOWLEDGED_NUMBER 1
#define ISSUE_RESOLVED_NUMBER     2

enum issue_status {
    ISSUE_OPEN = ISSUE_OPEN_NUMBER,
    ISSUE_ACKNOWLEDGED = ISSUE_ACKNOWLEDGED_NUMBER, /* somebody knows of it: it stays so */
    ISSUE_RESOLVED = ISSUE_RESOLVED_NUMBER,         /* a failure after that opens it again */
};

extern const char *const issue_status_names[]; /* ends with NULL */

#endif
