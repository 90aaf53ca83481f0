/* What libcurl's URL parser answers, when it is no lack of memory: that is no fault of a URL. libcurl says so for
 * nothing else here: its own ceiling is 8 MB, and ours are far below. */
#ifndef IO_URL_CHECKED_H
#define IO_URL_CHECKED_H

#include "base/defs.h"

#include <curl/curl.h>

static inline CURLUcode url_checked(CURLUcode code)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        out_of_memory();
    return code;
}

#endif
