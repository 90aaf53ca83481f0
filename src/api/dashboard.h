/* The files of the pages at /dashboard and /docs, which the build makes of src/page/ and src/page/embed.py writes. */
#ifndef API_DASHBOARD_H
#define API_DASHBOARD_H

#include "call.h"

/* Nothing from elsewhere, and no script that is not a file of ours; what is said of pictures and frames follows. */
#define PAGE_POLICY(styles)                                                                   \
    "default-src 'none'; script-src 'self'; style-src 'self'" styles "; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'"

struct dashboard_file {
    const char *name; /* behind /dashboard/ or /docs/; "": the page itself */
    const char *type;
    const char *etag; /* in its quotes: RFC 9110, 8.8.3 */
    const unsigned char *bytes;
    size_t size;
    const char *packed_etag;
    const unsigned char *packed; /* the same, by gzip */
    size_t packed_size;
};

/* Each ends with a row of zeros; it is the first if this program was built without the page. */
extern const struct dashboard_file dashboard_files[], docs_files[];

/* Answers with a file of the dashboard, or that there is none. The policy lives as long as the call. */
void dashboard_send(struct call *call, struct str name, const char *policy);

#endif
