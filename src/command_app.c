/* Which app an argument names. */
#include "command_app.h"

#include "core/uid.h"
#include "store/apps.h"

void command_app_missing(struct command_run *run, const char *app)
{
    command_fail(run, "no app has this id or uid: %s", app);
}

void command_app_find(struct command_run *run, const char *app, db_cb *cb)
{
    struct id id;

    if (id_parse(str_of(app), ID_APP, &id))
        apps_get(run->db, id, cb, run);
    else if (uid_is_possible(str_of(app)))
        apps_find(run->db, str_of(app), cb, run);
    else
        command_app_missing(run, app);
}

bool command_app_read(struct command_run *run, const char *app, int err, const struct db_rows *rows,
                      struct id *id)
{
    if (err == 0 && db_count(rows) == 0)
        command_app_missing(run, app);
    if (command_failed(run, err))
        return false;
    *id = db_id(rows, 0, 0);
    return true;
}
