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

static redisContext *connect_to(struct redis_server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    assert(context->err == 0);
    return context;
}

static long long take(redisContext *context, redisReply *reply)
{
    assert(reply != NULL && reply->type != REDIS_REPLY_ERROR);
    long long answer = reply->type == REDIS_REPLY_INTEGER  ? reply->integer
                       : reply->type == REDIS_REPLY_STRING ? (long long)reply->len
                       : reply->type == REDIS_REPLY_ARRAY  ? (long long)reply->elements
                       : reply->type == REDIS_REPLY_STATUS ? 1
                                                           : 0;
    freeReplyObject(reply);
    redisFree(context);
    return answer;
}

long long redis_server_say(struct redis_server *server, const char *command)
{
    redisContext *context = connect_to(server);
    char *copy = strdup(command), *rest = copy;
    const char *words[16];
    int count = 0;
    for (char *word; count < 16 && (word = strsep(&rest, " ")) != NULL;)
        words[count++] = word;
    redisReply *reply = redisCommandArgv(context, count, words, NULL);
    free(copy);
    return take(context, reply);
}

long long redis_server_sayf(struct redis_server *server, const char *format, ...)
{
    redisContext *context = connect_to(server);
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(context, format, args);
    va_end(args);
    return take(context, reply);
}

long long redis_server_calls(struct redis_server *server)
{
    redisContext *context = connect_to(server);
    redisReply *reply = redisCommand(context, "INFO commandstats");
    long long calls = 0;

    assert(reply != NULL && reply->type == REDIS_REPLY_STRING);
    for (const char *p = reply->str; (p = strstr(p, "cmdstat_")) != NULL; p++)
        if (strncmp(p, "cmdstat_ping:", 13) != 0)
            calls += strtoll(strchr(p, '=') + 1, NULL, 10);
    freeReplyObject(reply);
    redisFree(context);
    return calls;
}
