/* Processor, memory and files, from getrusage() and /proc (proc(5)). What cannot be read stays as it was. */
#include "process.h"

#include "base/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t us_of(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void measure_processor(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metric_set(METRIC_PROCESS_CPU, us_of(usage.ru_utime) + us_of(usage.ru_stime));
}

static void measure_memory(void)
{
    FILE *statm = fopen("/proc/self/statm", "re"); /* SIZE RESIDENT …, in pages */
    char line[200], *end;

    if (statm == NULL)
        return;
    if (fgets(line, sizeof line, statm) != NULL && strtol(line, &end, 10) > 0)
        metric_set(METRIC_PROCESS_RESIDENT, strtol(end, NULL, 10) * sysconf(_SC_PAGESIZE));
    fclose(statm);
}

static void measure_files(void)
{
    DIR *files = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", ".." and the one that it is read by */

    if (files == NULL)
        return;
    while (readdir(files) != NULL)
        count++;
    closedir(files);
    metric_set(METRIC_PROCESS_FILES, count);
}

void process_measure(void)
{
    struct rlimit limit;

    measure_processor();
    measure_memory();
    measure_files();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(METRIC_PROCESS_FILES_LIMIT, (int64_t)limit.rlim_cur);
}
