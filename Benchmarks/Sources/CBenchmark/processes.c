#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double seconds(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return -1;
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_now(void) { return seconds(CLOCK_MONOTONIC); }

double bench_thread_cpu(void) { return seconds(CLOCK_THREAD_CPUTIME_ID); }

double bench_process_cpu(pid_t pid) {
  // The same sum as utime and stime of /proc/PID/stat, in nanoseconds instead of hundredths of a second.
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? seconds(clock) : -1;
}

int64_t bench_resident(pid_t pid) {
  char path[64];
  long long size, resident;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  int found = fscanf(file, "%lld %lld", &size, &resident);
  fclose(file);
  return found == 2 ? resident * sysconf(_SC_PAGESIZE) : -1;
}

int64_t bench_faults(pid_t pid) {
  char path[64], line[1024];
  unsigned long long faults;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  char *read = fgets(line, sizeof line, file);
  fclose(file);
  // The program's name stands in parentheses and may hold anything.
  char *rest = read ? strrchr(line, ')') : NULL;
  return rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %llu", &faults) == 1 ? (int64_t)faults : -1;
}

pid_t bench_spawn(const char *const *arguments, int *output) {
  int ends[2];
  pid_t pid;
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  int result = posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (result != 0) {
    close(ends[0]);
    return -1;
  }
  *output = ends[0];
  return pid;
}

void bench_end(pid_t pid) {
  if (pid <= 0 || kill(pid, SIGTERM) != 0) return;
  for (int wait = 0; wait < 300; wait++) {
    if (waitpid(pid, NULL, WNOHANG) == pid) return;
    usleep(10000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

int bench_write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file) return 0;
  int written = fputs(text, file) >= 0;
  return fclose(file) == 0 && written;
}

int bench_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}
