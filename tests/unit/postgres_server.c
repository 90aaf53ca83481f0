/* Making, starting and removing the test's own PostgreSQL. */
#include "postgres_server.h"

#include "store/schema.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The newest that is installed; else what PATH finds. */
static void find_program(char out[256], const char *name)
{
    char pattern[128];
    glob_t found;
    snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    snprintf(out, 256, "%s", name);
    if (glob(pattern, 0, NULL, &found) == 0)
        snprintf(out, 256, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* PostgreSQL refuses to run as root. */
static const struct passwd *other_user(void)
{
    return getuid() == 0 ? getpwnam("postgres") : NULL;
}

/* In the child: another user, no output, gone with the test. */
static void become_child(const struct passwd *user, pid_t parent)
{
    int null = open("/dev/null", O_RDWR);
    if (user != NULL &&
        (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (null < 0 || chdir("/") < 0 || getppid() != parent)
        _exit(126);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
}

static pid_t spawn(char *const arguments[])
{
    const struct passwd *user = other_user();
    pid_t parent = getpid(), pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        become_child(user, parent);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

static void make_cluster(char *data)
{
    char program[256], user[] = "-Uposthorn", trust[] = "-Atrust", utf8[] = "-EUTF8",
                       locale[] = "--locale=C", no_sync[] = "--no-sync", at[] = "-D";
    char *const arguments[] = {program, at, data, user, trust, utf8, locale, no_sync, NULL};
    int status;
    find_program(program, "initdb");
    pid_t pid = spawn(arguments);
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool answers(const char *url)
{
    return PQping(url) == PQPING_OK;
}

void postgres_server_start(struct postgres_server *server)
{
    char program[256], data[80], at[] = "-D", sockets[] = "-k", no_tcp[] = "-h", none[] = "",
                                 no_fsync[] = "-F";
    const struct passwd *user = other_user();

    snprintf(server->folder, sizeof server->folder, "/tmp/posthorn-pg-XXXXXX");
    char *made = mkdtemp(server->folder);
    assert(made != NULL);
    int owned = user != NULL ? chown(server->folder, user->pw_uid, user->pw_gid) : 0;
    assert(owned == 0);
    snprintf(data, sizeof data, "%s/data", server->folder);
    snprintf(server->url, sizeof server->url, "postgresql://posthorn@/postgres?host=%s",
             server->folder);
    make_cluster(data);
    find_program(program, "postgres");
    char *const arguments[] = {program, at,   data,     sockets, server->folder,
                               no_tcp,  none, no_fsync, NULL};
    server->pid = spawn(arguments);
    for (int i = 0; i < 1500 && !answers(server->url); i++)
        usleep(20000);
    assert(answers(server->url));
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

int postgres_server_migrate(struct dbsync *db)
{
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    int err = schema_migrate(db, 30);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(null);
    return err;
}

void postgres_server_stop(struct postgres_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGQUIT);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
    nftw(server->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
