/* The files of the page at /dashboard, which the build makes of src/page/ and src/page/embed.py writes. */
#ifndef API_DASHBOARD_H
#define API_DASHBOARD_H

#include <stddef.h>

struct dashboard_file {
    const char *name; /* behind /dashboard/; "": the page itself */
    const char *type;
    const char *etag; /* in its quotes: RFC 9110, 8.8.3 */
    const unsigned char *bytes;
    size_t size;
};

/* Ends with a row of zeros; it is the first if this program was built without the page. */
extern const struct dashboard_file dashboard_files[];

#endif
