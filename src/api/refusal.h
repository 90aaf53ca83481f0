/* What h2o answers by itself: a request that is too large or cannot be parsed. */
#ifndef API_REFUSAL_H
#define API_REFUSAL_H

struct st_h2o_pathconf_t;

/* Answers of h2o's own for this path become problems, as clients were promised. */
void refusal_install(struct st_h2o_pathconf_t *path);

#endif
