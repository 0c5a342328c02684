#define _GNU_SOURCE
#include "connections.h"

#include "sockets.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const OM_uint32 wanted_flags =
    GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;

static gss_cred_id_t tickets = GSS_C_NO_CREDENTIAL;
static gss_name_t gateway = GSS_C_NO_NAME;

static _Thread_local char failure[200];

const char *bench_failure(void) { return failure; }

int fail(const char *reason) {
  snprintf(failure, sizeof failure, "%s", reason);
  return 0;
}

static int fail_in_library(const char *call, OM_uint32 major, OM_uint32 minor) {
  OM_uint32 ignored, more = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  gss_display_status(&ignored, minor ? minor : major, minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE,
                     (gss_OID)gss_mech_krb5, &more, &text);
  snprintf(failure, sizeof failure, "%s: %.*s", call, (int)text.length, (char *)text.value);
  gss_release_buffer(&ignored, &text);
  return 0;
}

// MARK: Tickets

// A cache in memory: one in a file would be read and locked for each context.
static int copy_cache(const char *name) {
  krb5_context context;
  krb5_ccache from = NULL, to = NULL;
  krb5_principal principal = NULL;
  if (krb5_init_context(&context) != 0) return 0;
  // Never freed: the library keeps what it has read from its configuration as long as there is a context.
  static krb5_context kept;
  if (!kept && krb5_init_context(&kept) != 0) return 0;
  int good = krb5_cc_default(context, &from) == 0 && krb5_cc_resolve(context, name, &to) == 0 &&
             krb5_cc_get_principal(context, from, &principal) == 0 && krb5_cc_initialize(context, to, principal) == 0 &&
             krb5_cc_copy_creds(context, from, to) == 0;
  if (principal) krb5_free_principal(context, principal);
  if (from) krb5_cc_close(context, from);
  if (to) krb5_cc_close(context, to);
  krb5_free_context(context);
  return good;
}

int bench_take_tickets(const char *service) {
  OM_uint32 minor, major;
  gss_key_value_element_desc element = {"ccache", "MEMORY:benchmarks"};
  gss_key_value_set_desc store = {1, &element};
  gss_buffer_desc text = {strlen(service), (void *)service};
  if (!copy_cache(element.value)) return fail("no ticket cache");
  gss_name_t name = GSS_C_NO_NAME;
  major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
  if (GSS_ERROR(major)) return fail_in_library("gss_import_name", major, minor);
  // Once, and not again for each call of each context.
  major = gss_canonicalize_name(&minor, name, (gss_OID)gss_mech_krb5, &gateway);
  if (GSS_ERROR(major)) return fail_in_library("gss_canonicalize_name", major, minor);
  gss_release_name(&minor, &name);
  major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_INITIATE, &store,
                                &tickets, NULL, NULL);
  return GSS_ERROR(major) ? fail_in_library("gss_acquire_cred_from", major, minor) : 1;
}

// MARK: Messages

// A token with its header, for writing or as it has come.
static size_t add_header(uint8_t *frame, uint8_t type, size_t token) {
  if (token > 65535) return (size_t)fail("a token is too long");
  frame[0] = 0x01;
  frame[1] = type;
  frame[2] = (uint8_t)(token >> 8);
  frame[3] = (uint8_t)token;
  return 4 + token;
}

// The length of the token of one message, which stands behind four octets; 0 on failure.
static size_t receive_message(int connection, uint8_t type, uint8_t *message) {
  size_t have = 0, length = 0;
  while (have < 4 || have < 4 + length) {
    ssize_t count = recv(connection, message + have, MESSAGE_ROOM - have, 0);
    if (count <= 0) return (size_t)fail("the gateway ended the connection");
    have += (size_t)count;
    if (have >= 2 && message[1] != type) {
      return (size_t)fail(message[1] == 0xff ? "the gateway sent an abort" : "a message of another type came");
    }
    if (have >= 4) length = (size_t)message[2] << 8 | message[3];
  }
  if (have != 4 + length || length == 0) return (size_t)fail("more than one message came, or an empty one");
  return length;
}

size_t make_message(bench_connection *connection, uint8_t type, int sealed, const void *plaintext, size_t count,
                    uint8_t *frames) {
  OM_uint32 minor;
  gss_buffer_desc input = {count, (void *)plaintext}, token = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_wrap(&minor, connection->context, sealed, GSS_C_QOP_DEFAULT, &input, NULL, &token);
  if (GSS_ERROR(major)) return (size_t)fail_in_library("gss_wrap", major, minor);
  size_t length = add_header(frames, type, token.length);
  if (length > 0) memcpy(frames + 4, token.value, token.length);
  gss_release_buffer(&minor, &token);
  return length;
}

static ssize_t open_token(bench_connection *connection, uint8_t *octets, size_t length, void *plaintext, size_t room) {
  OM_uint32 minor;
  gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
  gss_buffer_desc token = {length, octets};
  OM_uint32 major = gss_unwrap(&minor, connection->context, &token, &output, NULL, NULL);
  if (major != GSS_S_COMPLETE) return fail_in_library("gss_unwrap", major, minor) - 1;
  ssize_t count = output.length <= room ? (ssize_t)output.length : -1;
  if (count >= 0) memcpy(plaintext, output.value, output.length);
  gss_release_buffer(&minor, &output);
  return count;
}

static ssize_t open_message(bench_connection *connection, uint8_t type, void *plaintext, size_t room) {
  uint8_t message[MESSAGE_ROOM];
  size_t length = receive_message(connection->descriptor, type, message);
  return length == 0 ? -1 : open_token(connection, message + 4, length, plaintext, room);
}

int is_sealed(const bench_connection *connection) { return connection->way.protection >= bench_level_2; }

int send_plaintext(bench_connection *connection, const void *plaintext, size_t count) {
  uint8_t message[4096];
  if (!connection->context) return send_all(connection->descriptor, plaintext, count) || fail("cannot send");
  size_t length = make_message(connection, 0x03, is_sealed(connection), plaintext, count, message);
  if (length == 0) return 0;
  connection->overhead = length - 4 - count;
  return send_all(connection->descriptor, message, length) || fail("cannot send");
}

ssize_t receive_plaintext(bench_connection *connection, void *plaintext, size_t room) {
  if (connection->context) return open_message(connection, 0x03, plaintext, room);
  ssize_t count = recv(connection->descriptor, plaintext, room, 0);
  return count > 0 ? count : fail("the connection was ended") - 1;
}

int send_command(bench_connection *connection, char letter, uint64_t count, int tls) {
  uint8_t command[COMMAND_ROOM];
  return send_plaintext(connection, command, make_command(command, letter, count, tls));
}

// MARK: Connections

static int choose_method(bench_connection *connection, uint8_t method) {
  uint8_t offer[3] = {0x05, 0x01, method}, choice[2];
  if (!send_all(connection->descriptor, offer, sizeof offer) ||
      !receive_all(connection->descriptor, choice, sizeof choice)) {
    return fail("no method selection");
  }
  return (choice[0] == 0x05 && choice[1] == method) || fail("the method was refused");
}

size_t begin_context(bench_connection *connection, uint8_t *message) {
  OM_uint32 minor, major;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  major = gss_init_sec_context(&minor, tickets, &connection->context, gateway, (gss_OID)gss_mech_krb5, wanted_flags, 0,
                               NULL, NULL, NULL, &token, NULL, NULL);
  if (major != GSS_S_CONTINUE_NEEDED) return (size_t)fail_in_library("gss_init_sec_context", major, minor);
  size_t length = add_header(message, 0x01, token.length);
  if (length > 0) memcpy(message + 4, token.value, token.length);
  gss_release_buffer(&minor, &token);
  return length;
}

int end_context(bench_connection *connection, uint8_t *octets, size_t length) {
  OM_uint32 minor, major, flags = 0;
  gss_buffer_desc answer = {length, octets}, token = GSS_C_EMPTY_BUFFER;
  major = gss_init_sec_context(&minor, tickets, &connection->context, gateway, (gss_OID)gss_mech_krb5, wanted_flags, 0,
                               NULL, &answer, NULL, &token, &flags, NULL);
  gss_release_buffer(&minor, &token);
  if (major != GSS_S_COMPLETE) return fail_in_library("gss_init_sec_context", major, minor);
  return (flags & wanted_flags) == wanted_flags || fail("the context lacks a service");
}

size_t make_level(bench_connection *connection, uint8_t *message) {
  uint8_t level = (uint8_t)connection->way.protection;
  return make_message(connection, 0x02, 0, &level, 1, message);
}

int take_level(bench_connection *connection, uint8_t *token, size_t length) {
  uint8_t answer = 0;
  if (open_token(connection, token, length, &answer, 1) != 1) return 0;
  return answer == connection->way.protection || fail("another level was agreed");
}

void make_request(const bench_connection *connection, unsigned index, uint8_t octets[REQUEST]) {
  const uint8_t beginning[8] = {0x05, 0x01, 0x00, 0x01, 0x7f, 0x00, 0x00, (uint8_t)(1 + index % TARGETS)};
  memcpy(octets, beginning, sizeof beginning);
  octets[8] = (uint8_t)(connection->way.target >> 8);
  octets[9] = (uint8_t)connection->way.target;
}

static int judge_reply(const uint8_t *reply, ssize_t count) {
  if (count < 0) return 0;
  return (count >= 2 && reply[0] == 0x05 && reply[1] == 0x00) || fail("the request was refused");
}

int take_reply(bench_connection *connection, uint8_t *token, size_t length) {
  uint8_t reply[300];
  return judge_reply(reply, open_token(connection, token, length, reply, sizeof reply));
}

// Sends a message, unless it could not be made, and puts the next one in its place: the length of its token, 0 on failure.
static size_t exchange(bench_connection *connection, uint8_t type, uint8_t *message, size_t length) {
  if (length == 0 || !send_all(connection->descriptor, message, length)) return 0;
  return receive_message(connection->descriptor, type, message);
}

static int establish(bench_connection *connection) {
  uint8_t message[MESSAGE_ROOM];
  size_t length = exchange(connection, 0x01, message, begin_context(connection, message));
  return length > 0 && end_context(connection, message + 4, length);
}

static int agree_on_level(bench_connection *connection) {
  uint8_t message[MESSAGE_ROOM];
  size_t length = exchange(connection, 0x02, message, make_level(connection, message));
  return length > 0 && take_level(connection, message + 4, length);
}

static int request(bench_connection *connection, unsigned index) {
  uint8_t octets[REQUEST], reply[300];
  make_request(connection, index, octets);
  if (!send_plaintext(connection, octets, sizeof octets)) return 0;
  return judge_reply(reply, receive_plaintext(connection, reply, sizeof reply));
}

bench_connection *connect_only(bench_way way, unsigned index) {
  bench_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  connection->way = way;
  connection->descriptor = connect_to_loopback(way.port, way.protection == bench_direct ? 0 : (uint8_t)(1 + index % 200));
  if (connection->descriptor >= 0) return connection;
  fail("cannot connect");
  bench_close(connection);
  return NULL;
}

bench_connection *bench_connect(bench_way way, unsigned index) {
  bench_connection *connection = connect_only(way, index);
  if (!connection) return NULL;
  int good = 1;
  if (way.protection >= bench_level_1) {
    good = choose_method(connection, 0x01) && establish(connection) && agree_on_level(connection);
  } else if (way.protection == bench_clear_socks) {
    good = choose_method(connection, 0x00);
  }
  if (good && way.protection != bench_direct) good = request(connection, index);
  if (good) return connection;
  bench_close(connection);
  return NULL;
}

void bench_close(bench_connection *connection) {
  OM_uint32 minor;
  if (!connection) return;
  if (connection->descriptor >= 0) close(connection->descriptor);
  if (connection->context) gss_delete_sec_context(&minor, &connection->context, NULL);
  free(connection);
}

int bench_round_trips(bench_connection *connection, size_t count, double *seconds) {
  uint8_t octet = 0x2a;
  if (!connection->echoes && !send_command(connection, 'E', 0, 0)) return 0;
  connection->echoes = 1;
  for (size_t index = 0; index < count; index++) {
    double start = bench_now();
    if (!send_plaintext(connection, &octet, 1) || receive_plaintext(connection, &octet, 1) != 1) return 0;
    seconds[index] = bench_now() - start;
  }
  return 1;
}
