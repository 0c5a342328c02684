#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
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

// Children that have not been ended.
static _Atomic pid_t children[64];

static void end_children(int signal) {
  for (size_t index = 0; index < sizeof children / sizeof *children; index++) {
    if (children[index] > 0) kill(children[index], SIGKILL);
  }
  _exit(128 + signal);
}

static void remember(pid_t old, pid_t new) {
  for (size_t index = 0; index < sizeof children / sizeof *children; index++) {
    pid_t expected = old;
    if (atomic_compare_exchange_strong(&children[index], &expected, new)) return;
  }
}

pid_t bench_spawn(const char *const *arguments) {
  pid_t pid;
  posix_spawn_file_actions_t actions;
  // None is left behind when this process is told to stop.
  signal(SIGINT, end_children);
  signal(SIGTERM, end_children);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  int result = posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0) return -1;
  remember(0, pid);
  return pid;
}

int bench_has_ended(pid_t pid) { return waitpid(pid, NULL, WNOHANG) == pid; }

void bench_end(pid_t pid) {
  if (pid <= 0) return;
  remember(pid, 0);
  if (kill(pid, SIGTERM) != 0) return;
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

uint64_t bench_raise_descriptor_limit(uint64_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  // The hard limit goes up only for those who may.
  struct rlimit more = {wanted, wanted > limit.rlim_max ? wanted : limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void bench_run(const char *command, char *output, size_t room) {
  FILE *pipe = popen(command, "r");
  size_t count = pipe ? fread(output, 1, room - 1, pipe) : 0;
  output[count] = 0;
  if (pipe && pclose(pipe) != 0) output[0] = 0;
}
