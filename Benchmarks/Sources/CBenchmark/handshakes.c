#define _GNU_SOURCE
#include "connections.h"
#include "sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Many clients of a gateway at once, on one thread: it takes what has come, answers it, and waits for nobody. With
// a thread for each session the threads' turns would be a good part of what is measured.

#define WIDTH 64

struct handshake {
  bench_connection *connection;
  size_t index;
  double start;
  // What has come of the next message.
  size_t have;
  // The message that is awaited: 0 for the method selection, then GSSMessage's types.
  uint8_t awaited;
  uint8_t octets[MESSAGE_ROOM];
};

struct client {
  bench_way way;
  size_t count, begun, ended;
  double *seconds;
  int epoll;
  struct handshake handshakes[WIDTH];
};

static int begin(struct client *client, struct handshake *handshake) {
  static const uint8_t offer[3] = {0x05, 0x01, 0x01};
  handshake->connection = NULL;
  if (client->begun == client->count) return 1;
  handshake->index = client->begun++;
  handshake->have = 0;
  handshake->awaited = 0;
  handshake->start = bench_now();
  handshake->connection = connect_only(client->way, (unsigned)handshake->index);
  if (!handshake->connection) return 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = handshake};
  int descriptor = handshake->connection->descriptor;
  return (epoll_ctl(client->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 &&
          send_all(descriptor, offer, sizeof offer)) || fail("cannot begin a session");
}

// The messages are small, and find room in the socket's buffer.
static int answer(struct handshake *handshake, uint8_t awaited, const uint8_t *message, size_t length) {
  handshake->have = 0;
  handshake->awaited = awaited;
  return length > 0 && (send_all(handshake->connection->descriptor, message, length) || fail("cannot send"));
}

static int finish(struct client *client, struct handshake *handshake) {
  bench_close(handshake->connection);
  handshake->connection = NULL;
  client->seconds[handshake->index] = bench_now() - handshake->start;
  client->ended++;
  return begin(client, handshake);
}

// Octets that the awaited message has, or its header as long as that has not come.
static size_t wanted(const struct handshake *handshake) {
  if (handshake->awaited == 0) return 2;
  return handshake->have < 4 ? 4 : 4 + ((size_t)handshake->octets[2] << 8 | handshake->octets[3]);
}

static int take(struct client *client, struct handshake *handshake) {
  bench_connection *connection = handshake->connection;
  uint8_t *octets = handshake->octets, *token = octets + 4, message[MESSAGE_ROOM], request[REQUEST];
  size_t length = handshake->have - 4;
  if (handshake->awaited != 0 && octets[1] != handshake->awaited) return fail("the gateway sent another message");
  switch (handshake->awaited) {
    case 0:
      if (octets[0] != 0x05 || octets[1] != 0x01) return fail("the method was refused");
      return answer(handshake, 0x01, message, begin_context(connection, message));
    case 0x01:
      return end_context(connection, token, length) &&
             answer(handshake, 0x02, message, make_level(connection, message));
    case 0x02:
      if (!take_level(connection, token, length)) return 0;
      make_request(connection, (unsigned)handshake->index, request);
      return answer(handshake, 0x03, message,
                    make_message(connection, 0x03, is_sealed(connection), request, sizeof request, message));
    default:
      return take_reply(connection, token, length) && finish(client, handshake);
  }
}

static int receive(struct client *client, struct handshake *handshake) {
  ssize_t count = recv(handshake->connection->descriptor, handshake->octets + handshake->have,
                       MESSAGE_ROOM - handshake->have, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
  if (count <= 0) return fail("the gateway ended the connection");
  handshake->have += (size_t)count;
  if (handshake->have < wanted(handshake)) return 1;
  return handshake->have == wanted(handshake) ? take(client, handshake) : fail("more came than one message");
}

static int run(struct client *client, unsigned width) {
  struct epoll_event events[WIDTH];
  for (unsigned index = 0; index < width; index++) {
    if (!begin(client, &client->handshakes[index])) return 0;
  }
  while (client->ended < client->count) {
    int count = epoll_wait(client->epoll, events, WIDTH, 10000);
    if (count <= 0) {
      if (count < 0 && errno == EINTR) continue;
      return fail("nothing comes from the gateway");
    }
    for (int index = 0; index < count; index++) {
      if (!receive(client, events[index].data.ptr)) return 0;
    }
  }
  return 1;
}

double bench_handshakes(bench_way way, unsigned width, size_t count, double *seconds) {
  static struct client client;
  client.way = way;
  client.count = count;
  client.begun = client.ended = 0;
  client.seconds = seconds;
  client.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (client.epoll < 0) return fail("no epoll") - 1;
  if (width > WIDTH) width = WIDTH;
  for (unsigned index = 0; index < WIDTH; index++) client.handshakes[index].connection = NULL;
  double start = bench_now();
  int good = run(&client, width);
  double end = bench_now();
  for (unsigned index = 0; index < width; index++) bench_close(client.handshakes[index].connection);
  close(client.epoll);
  return good ? end - start : -1;
}
