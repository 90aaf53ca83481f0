/* What a Redis answers, into io/redis and the queue's decoders. The first byte chooses the command; the rest is what is
 * said in place of its answer. Everybody who asked is answered once. */
#include "fuzz.h"

#include "base/log.h"
#include "redis_fake.h"
#include "store/queue_scripts.h"
#include "wait.h"

#include <signal.h>

static const char *const commands[] = {"claim", "sweep",  "resync", "SUBSCRIBE",
                                       "ack",   "SCRIPT", "probe"};
static int up, answered;
static char *folder; /* that the run goes on in: its sockets */

static void on_up(void *arg)
{
    (void)arg;
    up++;
}

static void on_wake(void *arg)
{
    (void)arg;
}

static void on_claim(void *arg, int err, const struct queue_claim *claim)
{
    (void)arg;
    answered++;
    require((err == 0) == (claim != NULL));
    require(claim == NULL || (claim->count + claim->ahead_count <= 128 && claim->next_ms >= -1));
    for (size_t i = 0; claim != NULL && i < claim->count; i++)
        require(id_eq(claim->refs[i].app, claim->refs[i].app));
    for (size_t i = 0; claim != NULL && i < claim->ahead_count; i++)
        require(id_eq(claim->ahead[i].app, claim->ahead[i].app));
}

static void on_sweep(void *arg, int err, const struct queue_swept *swept)
{
    (void)arg;
    answered++;
    require((err == 0) == (swept != NULL));
    for (size_t i = 0; swept != NULL && i < swept->gate_count; i++)
        require(swept->gates[i].gate.limit >= 0);
}

static void on_resync(void *arg, int err, bool older)
{
    (void)arg;
    answered++;
    require(err == 0 || !older);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct queue_ref ref = {{{1}}, {{2}}, {{3}}};
    struct redis_fake fake;

    if (size == 0)
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    struct redis_lie lie = {.command = commands[data[0] % ARRAY_LEN(commands)],
                            .bytes = (const char *)data + 1,
                            .size = size - 1,
                            .hangs_up = true};
    up = answered = 0;
    if (folder == NULL) {
        folder = realpath(".", NULL);
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    }
    redis_fake_start(&fake, folder, queue_scripts, &lie);
    struct loop *loop = loop_create(NULL, NULL);
    struct queue *queue = queue_create(
        loop,
        &(struct queue_config){.url = fake.url, .owner = 3, .on_wake = on_wake, .on_up = on_up});
    WAIT(loop, up > 0, 20);
    queue_begin(queue, &ref);
    queue_ack(queue, &(struct queue_ack){ref, 0, {.what = GATE_SUCCESS}}, 1);
    queue_claim(queue, &(struct queue_room){.max = 128, .free = 200}, on_claim, NULL);
    queue_sweep(queue, on_sweep, NULL);
    queue_resync(queue, &(struct queue_hand){.refs = &ref, .count = 1}, on_resync, NULL);
    WAIT(loop, answered == 3, 3000);
    require(answered == 3);
    queue_destroy(queue);
    loop_destroy(loop);
    redis_fake_stop(&fake);
    return 0;
}
