#define _GNU_SOURCE
#include "connections.h"
#include "sockets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Plaintext of a token that the load makes.
#define TOKEN 16384

struct stream {
  struct bench_streams *all;
  bench_connection *connection;
  uint64_t count;
  // What goes up, made beforehand; nothing when it is clear.
  uint8_t *frames;
  size_t length;
  int good;
  pthread_t thread;
};

struct bench_streams {
  char letter;
  int tls;
  unsigned connections;
  pthread_barrier_t start;
  struct stream *streams;
};

static int make_frames(struct stream *stream) {
  bench_connection *connection = stream->connection;
  uint8_t command[COMMAND_ROOM];
  size_t tokens = stream->count / TOKEN + 2, size;
  static const uint8_t nothing[TOKEN];
  // At level 3 TLS inside is only signed.
  int sealed = is_sealed(connection) && !(stream->all->tls && connection->way.protection == bench_level_3);
  stream->frames = malloc(stream->count + tokens * 128 + MESSAGE_ROOM);
  if (!stream->frames) return fail("no memory");
  size = make_command(command, 'U', stream->count, stream->all->tls);
  stream->length = make_message(connection, 0x03, is_sealed(connection), command, size, stream->frames);
  if (stream->length == 0) return 0;
  for (uint64_t made = 0; made < stream->count; made += size) {
    size = stream->count - made < TOKEN ? (size_t)(stream->count - made) : TOKEN;
    const uint8_t *octets = stream->all->tls ? tls_records() : nothing;
    size_t length = make_message(connection, 0x03, sealed, octets, size, stream->frames + stream->length);
    if (length == 0) return 0;
    stream->length += length;
  }
  return 1;
}

static int run_up(struct stream *stream) {
  bench_connection *connection = stream->connection;
  uint8_t answer;
  if (stream->frames) {
    for (size_t sent = 0; sent < stream->length; sent += CHUNK) {
      size_t chunk = stream->length - sent < CHUNK ? stream->length - sent : CHUNK;
      if (!send_all(connection->descriptor, stream->frames + sent, chunk)) return fail("cannot send");
    }
  } else if (!send_command(connection, 'U', stream->count, stream->all->tls) ||
             send_octets(connection->descriptor, stream->count, stream->all->tls) != stream->count) {
    return fail("cannot send");
  }
  return receive_plaintext(connection, &answer, 1) == 1;
}

static int run_down(struct stream *stream) {
  bench_connection *connection = stream->connection;
  if (!send_command(connection, 'D', stream->count, stream->all->tls)) return 0;
  uint64_t least = stream->count + (stream->all->tls ? 12 : 0), most = connection->context ? least / 4 * 5 + 4096 : least;
  uint64_t received = discard_octets(connection->descriptor, UINT64_MAX);
  return (received >= least && received <= most) || fail("octets were lost");
}

static void *run_stream(void *argument) {
  struct stream *stream = argument;
  stream->good = stream->all->letter == 'D' || !stream->connection->context || make_frames(stream);
  pthread_barrier_wait(&stream->all->start);
  if (stream->good) stream->good = stream->all->letter == 'D' ? run_down(stream) : run_up(stream);
  return NULL;
}

bench_streams *bench_prepare_streams(bench_way way, char letter, int tls, uint64_t count, unsigned connections) {
  bench_streams *streams = calloc(1, sizeof *streams);
  if (!streams) return NULL;
  streams->letter = letter;
  streams->tls = tls;
  streams->streams = calloc(connections, sizeof *streams->streams);
  for (unsigned index = 0; streams->streams && index < connections; index++) {
    struct stream *stream = &streams->streams[index];
    stream->connection = bench_connect(way, index);
    if (!stream->connection) {
      streams->connections = index;
      for (unsigned other = 0; other < index; other++) bench_close(streams->streams[other].connection);
      free(streams->streams);
      free(streams);
      return NULL;
    }
    stream->all = streams;
    stream->count = count / connections;
  }
  streams->connections = connections;
  pthread_barrier_init(&streams->start, NULL, connections + 1);
  for (unsigned index = 0; index < connections; index++) {
    // Without its thread a stream cannot come to the barrier: nothing can be measured then.
    if (pthread_create(&streams->streams[index].thread, NULL, run_stream, &streams->streams[index]) != 0) abort();
  }
  return streams;
}

double bench_run_streams(bench_streams *streams) {
  // All threads but the slowest wait here already.
  pthread_barrier_wait(&streams->start);
  double start = bench_now();
  int good = 1;
  for (unsigned index = 0; index < streams->connections; index++) {
    pthread_join(streams->streams[index].thread, NULL);
    good = good && streams->streams[index].good;
  }
  double end = bench_now();
  return good ? end - start : fail("a stream was lost") - 1;
}

void bench_release_streams(bench_streams *streams) {
  for (unsigned index = 0; index < streams->connections; index++) {
    bench_close(streams->streams[index].connection);
    free(streams->streams[index].frames);
  }
  pthread_barrier_destroy(&streams->start);
  free(streams->streams);
  free(streams);
}

// MARK: A load beside something else

struct bench_load {
  bench_connection *connection;
  uint64_t received;
  pthread_t thread;
};

static void *discard_all(void *argument) {
  struct bench_load *load = argument;
  load->received = discard_octets(load->connection->descriptor, UINT64_MAX);
  return NULL;
}

bench_load *bench_begin_load(bench_way way) {
  bench_load *load = calloc(1, sizeof *load);
  if (!load) return NULL;
  load->connection = bench_connect(way, 0);
  if (!load->connection || !send_command(load->connection, 'D', (uint64_t)1 << 62, 0) ||
      pthread_create(&load->thread, NULL, discard_all, load) != 0) {
    bench_close(load->connection);
    free(load);
    return NULL;
  }
  return load;
}

uint64_t bench_end_load(bench_load *load) {
  shutdown(load->connection->descriptor, SHUT_RDWR);
  pthread_join(load->thread, NULL);
  uint64_t received = load->received;
  bench_close(load->connection);
  free(load);
  return received;
}
