#define _GNU_SOURCE
#include "sockets.h"

#include "bench.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint16_t host, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(0x7f000000u | host);
  return address;
}

int listen_on_loopback(uint8_t last, uint16_t *port) {
  struct sockaddr_in address = loopback(last, *port);
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (listener < 0) return -1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
    close(listener);
    return -1;
  }
  *port = ntohs(address.sin_port);
  return listener;
}

void set_no_delay(int connection) {
  int one = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int connect_to_loopback(uint16_t port, uint8_t last) {
  struct sockaddr_in address = loopback(1, port), source = loopback(0x100u | last, 0);
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (connection < 0) return -1;
  if (last > 0) {
    // The port is chosen when the other end is known: each pair of addresses has all ports.
    setsockopt(connection, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(connection, (struct sockaddr *)&source, sizeof source) != 0) {
      close(connection);
      return -1;
    }
  }
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
    close(connection);
    return -1;
  }
  set_no_delay(connection);
  return connection;
}

uint16_t bench_free_port(void) {
  uint16_t port = 0;
  int listener = listen_on_loopback(1, &port);
  if (listener >= 0) close(listener);
  return port;
}

int bench_await_port(uint16_t port, pid_t process) {
  for (int attempt = 0; attempt < 1000 && !bench_has_ended(process); attempt++) {
    int connection = connect_to_loopback(port, 0);
    if (connection >= 0) {
      close(connection);
      return 1;
    }
    usleep(10000);
  }
  return 0;
}

int send_all(int connection, const void *octets, size_t count) {
  const uint8_t *next = octets;
  while (count > 0) {
    ssize_t sent = send(connection, next, count, MSG_NOSIGNAL);
    if (sent <= 0) return 0;
    next += sent;
    count -= (size_t)sent;
  }
  return 1;
}

int receive_all(int connection, void *octets, size_t count) {
  return count == 0 || recv(connection, octets, count, MSG_WAITALL) == (ssize_t)count;
}

static uint8_t records[CHUNK];

static void fill_records(void) {
  static const uint8_t header[5] = {0x17, 0x03, 0x03, 0x3f, 0xfb};
  for (size_t start = 0; start < CHUNK; start += 16384) memcpy(records + start, header, sizeof header);
}

const uint8_t *tls_records(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_records);
  return records;
}

uint64_t send_octets(int connection, uint64_t count, int tls) {
  static const uint8_t nothing[CHUNK];
  const uint8_t *octets = tls ? tls_records() : nothing;
  uint64_t sent = 0;
  while (sent < count) {
    size_t offset = (size_t)(sent % CHUNK), chunk = CHUNK - offset;
    if (count - sent < chunk) chunk = (size_t)(count - sent);
    ssize_t result = send(connection, octets + offset, chunk, MSG_NOSIGNAL);
    if (result <= 0) break;
    sent += (uint64_t)result;
  }
  return sent;
}

uint64_t discard_octets(int connection, uint64_t count) {
  char nowhere[1];
  uint64_t received = 0;
  while (received < count) {
    size_t chunk = count - received < 4 * CHUNK ? (size_t)(count - received) : 4 * CHUNK;
    ssize_t result = recv(connection, nowhere, chunk, MSG_TRUNC);
    if (result <= 0) break;
    received += (uint64_t)result;
  }
  return received;
}

size_t make_command(uint8_t *octets, char letter, uint64_t count, int tls) {
  static const uint8_t record[5] = {0x16, 0x03, 0x03, 0x00, COMMAND};
  static const uint8_t change[6] = {0x14, 0x03, 0x03, 0x00, 0x01, 0x01};
  uint64_t big = htobe64(count);
  uint8_t *next = octets;
  if (tls) next = (uint8_t *)memcpy(next, record, sizeof record) + sizeof record;
  *next++ = (uint8_t)letter;
  memcpy(next, &big, sizeof big);
  next += sizeof big;
  if (tls) next = (uint8_t *)memcpy(next, change, sizeof change) + sizeof change;
  return (size_t)(next - octets);
}
