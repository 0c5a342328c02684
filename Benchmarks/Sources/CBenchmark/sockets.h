#ifndef GARTER_BENCH_SOCKETS_H
#define GARTER_BENCH_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHUNK (256 * 1024)
#define COMMAND 9
#define TARGETS 8

// 127.0.0.`last`; a listener of its own there, -1 on failure. Port 0 is replaced with the one chosen.
int listen_on_loopback(uint8_t last, uint16_t *port);
// To 127.0.0.1, from 127.0.1.`last`, or from wherever the system likes when that is 0.
int connect_to_loopback(uint16_t port, uint8_t last);
void set_no_delay(int connection);

// All of it, or 0.
int send_all(int connection, const void *octets, size_t count);
int receive_all(int connection, void *octets, size_t count);
// Octets of nothing, or that look like TLS records; how many were sent.
uint64_t send_octets(int connection, uint64_t count, int tls);
// The kernel throws the octets away: the load should cost as little as it can. How many came.
uint64_t discard_octets(int connection, uint64_t count);

// A command as it is written, at most COMMAND_ROOM octets; with TLS, inside what looks like TLS's beginning.
#define TLS_COMMAND (5 + COMMAND + 6)
#define COMMAND_ROOM TLS_COMMAND
size_t make_command(uint8_t *octets, char letter, uint64_t count, int tls);
// `count` octets that look like TLS records of 16 KiB: the same whatever came before, from a record's start on.
const uint8_t *tls_records(void);

#endif
