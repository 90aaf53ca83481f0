/* Setting up and counting. */
#include "redis_rig.h"

struct redis_rig rig;

int rig_set_up(void **state)
{
    (void)state;
    rig = (struct redis_rig){.loop = loop_create(NULL, NULL)};
    redis_server_init(&rig.server);
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    redis_destroy(rig.redis);
    loop_destroy(rig.loop);
    redis_server_fini(&rig.server);
    return 0;
}

static void on_up(void *arg)
{
    (void)arg;
    rig.ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    rig.downs++;
}

void rig_on_message(void *arg)
{
    (void)arg;
    rig.messages++;
}

struct redis_config rig_config(const struct redis_script *const *scripts)
{
    return (struct redis_config){.url = rig.server.url,
                                 .scripts = scripts,
                                 .outstanding_max = 100,
                                 .on_up = on_up,
                                 .on_down = on_down};
}

void rig_on_answer(void *arg, int err, const struct redis_reply *reply)
{
    int *calls = arg;
    rig.answered++;
    rig.answers[-err % 16]++;
    if (calls != NULL)
        (*calls)++;
    assert_true((err == 0) == (reply != NULL));
}

int count_of(int err)
{
    return rig.answers[-err % 16];
}
