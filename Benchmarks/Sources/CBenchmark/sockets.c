#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int listen_on_loopback(uint16_t *port) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return -1;
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
    close(listener);
    return -1;
  }
  *port = ntohs(address.sin_port);
  return listener;
}

static int connect_to_loopback(uint16_t port) {
  struct sockaddr_in address = loopback(port);
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (connection < 0) return -1;
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
    close(connection);
    return -1;
  }
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return connection;
}

uint16_t bench_free_port(void) {
  uint16_t port = 0;
  int listener = listen_on_loopback(&port);
  if (listener >= 0) close(listener);
  return port;
}

int bench_await_port(uint16_t port) {
  for (int attempt = 0; attempt < 1000; attempt++) {
    int connection = connect_to_loopback(port);
    if (connection >= 0) {
      close(connection);
      return 1;
    }
    usleep(10000);
  }
  return 0;
}

static uint64_t send_octets(int connection, uint64_t count) {
  static const char octets[CHUNK];
  uint64_t sent = 0;
  while (sent < count) {
    size_t chunk = count - sent < CHUNK ? (size_t)(count - sent) : CHUNK;
    ssize_t result = send(connection, octets, chunk, MSG_NOSIGNAL);
    if (result <= 0) break;
    sent += (uint64_t)result;
  }
  return sent;
}

/// The kernel throws the octets away: the load should cost as little as it can.
static uint64_t discard_octets(int connection, uint64_t count) {
  static char nowhere[1];
  uint64_t received = 0;
  while (received < count) {
    size_t chunk = count - received < 4 * CHUNK ? (size_t)(count - received) : 4 * CHUNK;
    ssize_t result = recv(connection, nowhere, chunk, MSG_TRUNC);
    if (result <= 0) break;
    received += (uint64_t)result;
  }
  return received;
}

static void echo(int connection) {
  char octets[4096];
  ssize_t count;
  while ((count = recv(connection, octets, sizeof octets, 0)) > 0) {
    if (send(connection, octets, (size_t)count, MSG_NOSIGNAL) != count) return;
  }
}

static void *serve(void *argument) {
  int connection = (int)(intptr_t)argument, one = 1;
  char command[9];
  uint64_t count;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (recv(connection, command, sizeof command, MSG_WAITALL) == (ssize_t)sizeof command) {
    memcpy(&count, command + 1, sizeof count);
    count = be64toh(count);
    if (command[0] == 'D') send_octets(connection, count);
    if (command[0] == 'U' && discard_octets(connection, count) == count) send_octets(connection, 1);
    if (command[0] == 'E') echo(connection);
  }
  close(connection);
  return NULL;
}

static void *accept_all(void *argument) {
  int listener = (int)(intptr_t)argument;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  for (;;) {
    pthread_t thread;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)connection) != 0) close(connection);
  }
  return NULL;
}

uint16_t bench_start_target(void) {
  uint16_t port = 0;
  pthread_t thread;
  int listener = listen_on_loopback(&port);
  if (listener < 0 || pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0) return 0;
  pthread_detach(thread);
  return port;
}

uint64_t bench_load(uint16_t port, char letter, uint64_t count) {
  char command[9] = {letter};
  uint64_t big = htobe64(count), moved = 0;
  int connection = connect_to_loopback(port);
  if (connection < 0) return 0;
  memcpy(command + 1, &big, sizeof big);
  if (send(connection, command, sizeof command, MSG_NOSIGNAL) == (ssize_t)sizeof command) {
    if (letter == 'D') moved = discard_octets(connection, count);
    if (letter == 'U') {
      moved = send_octets(connection, count);
      if (discard_octets(connection, 1) != 1) moved = 0;
    }
  }
  close(connection);
  return moved;
}
