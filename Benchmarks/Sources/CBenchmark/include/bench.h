#ifndef GARTER_BENCH_H
#define GARTER_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Clocks, in seconds; below zero when there is no such process.
double bench_now(void);
double bench_thread_cpu(void);
double bench_process_cpu(pid_t pid);
// Resident octets of a process, and its page faults so far; below zero when there is no such process.
int64_t bench_resident(pid_t pid);
int64_t bench_faults(pid_t pid);

// Children. `arguments` ends with a null pointer. Their standard output can be read from `*output`.
pid_t bench_spawn(const char *const *arguments, int *output);
void bench_end(pid_t pid);
int bench_write_file(const char *path, const char *text);
int bench_raise_descriptor_limit(void);

// A free port of 127.0.0.1; 0 when there is none.
uint16_t bench_free_port(void);
// 1 when something accepts connections on a port of 127.0.0.1, waiting for it up to ten seconds.
int bench_await_port(uint16_t port);

// The target of every load: answers a command of nine octets, a letter and a count in network order.
//   D  sends as many octets as the count says, and ends
//   U  takes as many octets, then sends one
//   E  sends back each octet
uint16_t bench_start_target(void);
// Gives a command on a connection to `port` and waits until it is done. Returns the octets moved.
uint64_t bench_load(uint16_t port, char command, uint64_t count);

// A pair of Kerberos contexts of the plain library, for `service` ("socks@localhost"), in the process's environment.
typedef struct bench_contexts bench_contexts;
bench_contexts *bench_make_contexts(const char *service);
// Wraps and unwraps `count` messages; CPU seconds of each are added. 0 when the library fails.
int bench_protect(bench_contexts *contexts, int sealed, size_t plaintext, size_t count, double *wrap, double *unwrap);

#endif
