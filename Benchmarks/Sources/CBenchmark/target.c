#define _GNU_SOURCE
#include "bench.h"
#include "sockets.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_attr_t small_and_detached;
// Connections that have given no command, or have had it obeyed.
static int target_commands = -1;

static void start_thread(void *(*body)(void *), void *argument, int connection) {
  pthread_t thread;
  if (pthread_create(&thread, &small_and_detached, body, argument) == 0) return;
  if (connection < 0) abort();
  close(connection);
}

static void prepare_threads(void) {
  pthread_attr_init(&small_and_detached);
  pthread_attr_setdetachstate(&small_and_detached, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&small_and_detached, 64 * 1024);
}

static void echo(int connection) {
  char octets[4096];
  ssize_t count;
  while ((count = recv(connection, octets, sizeof octets, 0)) > 0) {
    if (send(connection, octets, (size_t)count, MSG_NOSIGNAL) != count) return;
  }
}

// 1 when another command may come.
static int obey(int connection, const uint8_t *command, int tls) {
  static const uint8_t beginning[12] = {0x16, 0x03, 0x03, 0x00, 0x01, 0x00, 0x14, 0x03, 0x03, 0x00, 0x01, 0x01};
  uint64_t count;
  memcpy(&count, command + 1, sizeof count);
  count = be64toh(count);
  switch (command[0]) {
    case 'D':
      if (!tls || send_all(connection, beginning, sizeof beginning)) send_octets(connection, count, tls);
      return 0;
    case 'K':
      return send_octets(connection, count, 0) == count;
    case 'U':
      if (discard_octets(connection, count) == count) send_all(connection, "", 1);
      return 0;
    case 'E':
      echo(connection);
      return 0;
    default:
      return 0;
  }
}

static void *serve(void *argument) {
  int connection = (int)(intptr_t)argument;
  uint8_t octets[TLS_COMMAND];
  int again = 1;
  while (again && receive_all(connection, octets, COMMAND)) {
    int tls = octets[0] == 0x16;
    if (tls && !receive_all(connection, octets + COMMAND, TLS_COMMAND - COMMAND)) break;
    again = obey(connection, octets + (tls ? 5 : 0), tls);
    if (again) {
      // No thread waits for the next command of an idle connection for long.
      struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = connection};
      if (epoll_ctl(target_commands, EPOLL_CTL_MOD, connection, &event) == 0) return NULL;
    }
  }
  close(connection);
  return NULL;
}

static void *await_commands(void *unused) {
  (void)unused;
  struct epoll_event events[256];
  for (;;) {
    int count = epoll_wait(target_commands, events, 256, -1);
    for (int index = 0; index < count; index++) {
      int connection = events[index].data.fd;
      char octet;
      if (recv(connection, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
        start_thread(serve, (void *)(intptr_t)connection, connection);
      } else {
        close(connection);
      }
    }
  }
  return NULL;
}

static void *accept_all(void *argument) {
  int listener = (int)(intptr_t)argument;
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
      usleep(1000);
      continue;
    }
    set_no_delay(connection);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = connection};
    if (epoll_ctl(target_commands, EPOLL_CTL_ADD, connection, &event) != 0) close(connection);
  }
  return NULL;
}

uint16_t bench_start_target(void) {
  prepare_threads();
  target_commands = epoll_create1(EPOLL_CLOEXEC);
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = 0;
    int listeners[TARGETS], count = 0;
    while (count < TARGETS && (listeners[count] = listen_on_loopback((uint8_t)(count + 1), &port)) >= 0) count++;
    if (count == TARGETS) {
      start_thread(await_commands, NULL, -1);
      for (int index = 0; index < TARGETS; index++) start_thread(accept_all, (void *)(intptr_t)listeners[index], -1);
      return port;
    }
    while (count > 0) close(listeners[--count]);
  }
  return 0;
}

// MARK: The copy

struct direction {
  int from, to, *ends;
};

static void *copy_octets(void *argument) {
  struct direction *direction = argument;
  char *octets = malloc(CHUNK);
  ssize_t count;
  while (octets && (count = recv(direction->from, octets, CHUNK, 0)) > 0) {
    if (!send_all(direction->to, octets, (size_t)count)) break;
  }
  free(octets);
  shutdown(direction->to, SHUT_WR);
  // The second of the two directions closes.
  if (__atomic_add_fetch(direction->ends, 1, __ATOMIC_ACQ_REL) == 2) {
    close(direction->from);
    close(direction->to);
    free(direction->ends);
  }
  free(direction);
  return NULL;
}

void bench_copy(uint16_t port, uint16_t target) {
  prepare_threads();
  int listener = listen_on_loopback(1, &port);
  if (listener < 0) return;
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    set_no_delay(client);
    int far = connect_to_loopback(target, 0);
    int *ends = calloc(1, sizeof *ends);
    struct direction *down = malloc(sizeof *down), *up = malloc(sizeof *up);
    if (far < 0 || !ends || !down || !up) {
      close(client);
      if (far >= 0) close(far);
      free(ends);
      free(down);
      free(up);
      continue;
    }
    *down = (struct direction){far, client, ends};
    *up = (struct direction){client, far, ends};
    start_thread(copy_octets, down, -1);
    start_thread(copy_octets, up, -1);
  }
}
