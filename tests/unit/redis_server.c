/* Starting, stopping and asking the test's own Redis. */
#include "redis_server.h"

#include <hiredis/hiredis.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

void redis_server_init(struct redis_server *server)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);

    *server = (struct redis_server){.pid = 0};
    snprintf(server->folder, sizeof server->folder, "/tmp/posthorn-redis-XXXXXX");
    char *made = mkdtemp(server->folder);
    assert(made != NULL);
    snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server->folder);
    snprintf(server->url, sizeof server->url, "unix://%s", server->socket);
}

void redis_server_fini(struct redis_server *server)
{
    redis_server_kill(server);
    unlink(server->socket);
    rmdir(server->folder);
}

static bool answers(struct redis_server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    redisReply *reply = context->err == 0 ? redisCommand(context, "PING") : NULL;
    bool ok = reply != NULL;

    if (reply != NULL)
        freeReplyObject(reply);
    redisFree(context);
    return ok;
}

void redis_server_start(struct redis_server *server)
{
    assert(server->pid == 0);
    server->pid = fork();
    assert(server->pid >= 0);
    if (server->pid == 0) {
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->socket,
               "--dir", server->folder, "--save", "", "--appendonly", "no", "--loglevel", "warning",
               "--logfile", "/dev/null", NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !answers(server); i++)
        usleep(10000);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

long long redis_server_say(struct redis_server *server, const char *command)
{
    redisContext *context = redisConnectUnix(server->socket);
    assert(context->err == 0);
    char *copy = strdup(command), *rest = copy;
    const char *words[16];
    int count = 0;
    for (char *word; count < 16 && (word = strsep(&rest, " ")) != NULL;)
        words[count++] = word;
    redisReply *reply = redisCommandArgv(context, count, words, NULL);
    assert(reply != NULL && reply->type != REDIS_REPLY_ERROR);
    long long answer = reply->type == REDIS_REPLY_INTEGER  ? reply->integer
                       : reply->type == REDIS_REPLY_STRING ? (long long)reply->len
                       : reply->type == REDIS_REPLY_ARRAY  ? (long long)reply->elements
                       : reply->type == REDIS_REPLY_STATUS ? 1
                                                           : 0;
    freeReplyObject(reply);
    redisFree(context);
    free(copy);
    return answer;
}
