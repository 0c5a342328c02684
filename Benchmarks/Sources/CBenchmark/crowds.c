#define _GNU_SOURCE
#include "connections.h"
#include "sockets.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

// What several threads do together: `count` pieces, each by the next thread that is free.
struct crowd {
  int (*piece)(struct crowd *crowd, size_t index);
  size_t count;
  size_t next;
  int failed;
  bench_way way;
  bench_connection **connections;
  uint64_t octets;
};

static void *work(void *argument) {
  struct crowd *crowd = argument;
  for (;;) {
    size_t index = __atomic_fetch_add(&crowd->next, 1, __ATOMIC_RELAXED);
    if (index >= crowd->count || __atomic_load_n(&crowd->failed, __ATOMIC_RELAXED)) return NULL;
    if (!crowd->piece(crowd, index)) __atomic_store_n(&crowd->failed, 1, __ATOMIC_RELAXED);
  }
}

static int run_crowd(struct crowd *crowd, unsigned count) {
  pthread_t threads[256];
  unsigned running = 0;
  if (count > 256) count = 256;
  while (running < count && pthread_create(&threads[running], NULL, work, crowd) == 0) running++;
  for (unsigned index = 0; index < running; index++) pthread_join(threads[index], NULL);
  return running == count && !crowd->failed;
}

// MARK: Idle sessions

static int open_idle(struct crowd *crowd, size_t index) {
  crowd->connections[index] = bench_connect(crowd->way, (unsigned)index);
  return crowd->connections[index] != NULL;
}

size_t bench_open_idle(bench_way way, size_t count, bench_connection **connections) {
  struct crowd crowd = {.piece = open_idle, .count = count, .way = way, .connections = connections};
  run_crowd(&crowd, 8);
  // No gaps: some that failed may have stood between others.
  size_t opened = 0;
  for (size_t index = 0; index < count && index < crowd.next; index++) {
    if (connections[index]) connections[opened++] = connections[index];
  }
  return opened;
}

// Reads tokens until their plaintext comes to so many octets, without opening them.
static int count_plaintext(bench_connection *connection, uint64_t octets, uint8_t *buffer) {
  uint8_t header[4];
  unsigned in_header = 0;
  size_t in_token = 0;
  uint64_t plaintext = 0;
  while (plaintext < octets || in_token > 0) {
    ssize_t count = recv(connection->descriptor, buffer, CHUNK, 0);
    if (count <= 0) return 0;
    for (size_t offset = 0; offset < (size_t)count;) {
      if (in_token > 0) {
        size_t part = (size_t)count - offset < in_token ? (size_t)count - offset : in_token;
        in_token -= part;
        offset += part;
        continue;
      }
      header[in_header++] = buffer[offset++];
      if (in_header < 4) continue;
      in_header = 0;
      in_token = (size_t)header[2] << 8 | header[3];
      if (header[0] != 0x01 || header[1] != 0x03 || in_token <= connection->overhead) return 0;
      plaintext += in_token - connection->overhead;
    }
  }
  return plaintext == octets;
}

static int use_idle(struct crowd *crowd, size_t index) {
  bench_connection *connection = crowd->connections[index];
  if (!send_command(connection, 'K', crowd->octets, 0)) return 0;
  if (connection->context) {
    uint8_t *buffer = malloc(CHUNK);
    int good = buffer && count_plaintext(connection, crowd->octets, buffer);
    free(buffer);
    return good;
  }
  return discard_octets(connection->descriptor, crowd->octets) == crowd->octets;
}

int bench_use_idle(bench_connection **connections, size_t count, uint64_t octets) {
  struct crowd crowd = {.piece = use_idle, .count = count, .connections = connections, .octets = octets};
  return run_crowd(&crowd, 4) || fail("a session did not carry what it was given");
}
