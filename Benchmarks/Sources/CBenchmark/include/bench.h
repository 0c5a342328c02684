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

// Children. `arguments` ends with a null pointer.
pid_t bench_spawn(const char *const *arguments);
int bench_has_ended(pid_t pid);
void bench_end(pid_t pid);
// The first octets that a shell command prints, with a zero at their end; empty when it fails.
void bench_run(const char *command, char *output, size_t room);

int bench_write_file(const char *path, const char *text);
// Raises the limit of descriptors, the hard one too where that is allowed, to `wanted` or as near as it goes.
// Children inherit it. Returns what holds then.
uint64_t bench_raise_descriptor_limit(uint64_t wanted);

// A free port of 127.0.0.1; 0 when there is none.
uint16_t bench_free_port(void);
// 1 when something accepts connections on a port of 127.0.0.1, waiting for it up to ten seconds, or until a process ends.
int bench_await_port(uint16_t port, pid_t process);

// The target of every load, on one port of 127.0.0.1 to 127.0.0.8 (so that a gateway does not run out of ports of its
// own). It answers commands of nine octets, a letter and a count in network order; a connection without one costs
// nothing.
//   D  sends as many octets as the count says, and ends
//   K  the same, and waits for the next command
//   U  takes as many octets, then sends one
//   E  sends back each octet
// A command may stand in what looks like the beginning of TLS; what the target then sends looks like TLS as well.
uint16_t bench_start_target(void);

// Copies between each connection to a port of 127.0.0.1 and one to `target`, with buffers of 256 KiB, one blocking
// thread for each direction. Returns only on failure.
void bench_copy(uint16_t port, uint16_t target);

// How a connection to the target comes about.
enum { bench_direct = -1, bench_clear_socks = 0, bench_level_1 = 1, bench_level_2 = 2, bench_level_3 = 3 };
typedef struct {
  // Of 127.0.0.1: the proxy's, or that of something that leads to the target without being asked.
  uint16_t port;
  // One of the above: method none, or GSS-API with a protection level.
  int protection;
  // The target's, for a proxy.
  uint16_t target;
} bench_way;

// Takes tickets from the cache that the environment names into memory; contexts are made with these. 1 when it worked.
int bench_take_tickets(const char *service);

typedef struct bench_connection bench_connection;
// Context, level, CONNECT, reply. `index` chooses addresses of 127.0.0.0/8 at both ends. Null on failure; the reason
// is in bench_failure().
bench_connection *bench_connect(bench_way way, unsigned index);
void bench_close(bench_connection *connection);
// Why the last call on this thread failed.
const char *bench_failure(void);

// Round trips of one octet; the seconds of each. The first call gives the command E.
int bench_round_trips(bench_connection *connection, size_t count, double *seconds);

// `count` octets down or up (D or U), over as many connections at once. With TLS the stream looks like TLS, and is only
// signed at level 3. Upwards, the tokens are made before the clock begins; downwards, they are counted and not opened.
// Seconds from the first command to the last octet; below zero on failure.
typedef struct bench_streams bench_streams;
bench_streams *bench_prepare_streams(bench_way way, char letter, int tls, uint64_t count, unsigned connections);
double bench_run_streams(bench_streams *streams);
void bench_release_streams(bench_streams *streams);

// A stream downwards without end, for something else to be measured beside it.
typedef struct bench_load bench_load;
bench_load *bench_begin_load(bench_way way);
// The octets that came, tokens and all.
uint64_t bench_end_load(bench_load *load);

// Connects and closes `count` times with a protected way, `width` at once (64 at most), all on this thread. The seconds of
// each; below zero in all on failure, or the seconds of the whole.
double bench_handshakes(bench_way way, unsigned width, size_t count, double *seconds);

// Opens connections that then do nothing. Fewer come back when the rest fail.
size_t bench_open_idle(bench_way way, size_t count, bench_connection **connections);
// Sends `octets` down each of them, a few at a time, and leaves them idle. 1 when all arrived.
int bench_use_idle(bench_connection **connections, size_t count, uint64_t octets);

// A pair of Kerberos contexts of the plain library, for `service` ("socks@localhost"), in the process's environment.
typedef struct bench_contexts bench_contexts;
bench_contexts *bench_make_contexts(const char *service);
// The same with keys of an encryption type, which the service must have been given.
bench_contexts *bench_make_contexts_of(const char *service, int32_t type);
// Copies the key that protects messages; returns its length, 0 when it is of another type.
size_t bench_context_key(bench_contexts *contexts, int32_t type, uint8_t key[32]);
// Wraps and unwraps `count` messages; CPU seconds of each are added. 0 when the library fails.
int bench_protect(bench_contexts *contexts, int sealed, size_t plaintext, size_t count, double *wrap, double *unwrap);

#endif
