#ifndef GARTER_BENCH_CONNECTIONS_H
#define GARTER_BENCH_CONNECTIONS_H

#include "bench.h"

#include <gssapi/gssapi.h>

#define MESSAGE_ROOM (4 + 65535)

struct bench_connection {
  int descriptor;
  bench_way way;
  // GSS_C_NO_CONTEXT when nothing is protected.
  gss_ctx_id_t context;
  // What a token of the peer's is longer than its plaintext.
  size_t overhead;
  int echoes;
};

// Notes why a call fails, and returns 0.
int fail(const char *reason);

// Appends `01 type len token` to `frames`, which has room for MESSAGE_ROOM octets more; its length, 0 on failure.
size_t make_message(bench_connection *connection, uint8_t type, int sealed, const void *plaintext, size_t count,
                    uint8_t *frames);
// Plaintext as one message, or as it is where nothing is protected.
int send_plaintext(bench_connection *connection, const void *plaintext, size_t count);
// One message and nothing behind it, opened; at most `room` octets of plaintext, -1 on failure.
ssize_t receive_plaintext(bench_connection *connection, void *plaintext, size_t room);
int send_command(bench_connection *connection, char letter, uint64_t count, int tls);
int is_sealed(const bench_connection *connection);

// The steps of bench_connect, for a client that does not wait: what to send (its length, 0 on failure), and what has come
// (the token of a whole message; 1 when it is good).
#define REQUEST 10
bench_connection *connect_only(bench_way way, unsigned index);
size_t begin_context(bench_connection *connection, uint8_t *message);
int end_context(bench_connection *connection, uint8_t *token, size_t length);
size_t make_level(bench_connection *connection, uint8_t *message);
int take_level(bench_connection *connection, uint8_t *token, size_t length);
void make_request(const bench_connection *connection, unsigned index, uint8_t octets[REQUEST]);
int take_reply(bench_connection *connection, uint8_t *token, size_t length);

#endif
