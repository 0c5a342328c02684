/* What client and server have in common: messages of RFC 1961 over a socket, protected by Heimdal's library. */
#ifndef PEER_H
#define PEER_H

#include <gssapi/gssapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LARGEST_TOKEN = 65535, HEADER = 4 };
enum { VERSION = 1, AUTHENTICATION = 1, LEVEL = 2, DATA = 3 };
enum { COMMAND_CONNECT = 1, COMMAND_ASSOCIATE = 3 };
/* An address of RFC 1928 with an IPv4 address and a port, without and with the three bytes before it. */
enum { ADDRESS = 7, REQUEST = 10 };

/* An established context, and what has been seen of it. */
struct session {
	gss_ctx_id_t context;
	int level;
	bool seal; /* what this side does at level 3 */
	unsigned wrapped, wrapped_rotated; /* tokens made here; with RRC other than 0 */
	unsigned opened, opened_sealed; /* tokens of the other side; with confidentiality */
};

/* Ends the program with a message. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the program with the library's text when a call has failed. */
void require(const char *call, OM_uint32 major, OM_uint32 minor);

void send_all(int file, const void *bytes, size_t count);

/* False when the stream ends before the first byte. */
bool receive_all(int file, void *bytes, size_t count);

/* One message over TCP. The token received is valid until the next call; false at the end of the stream. */
void send_message(int file, int type, const void *token, size_t count);
bool receive_message(int file, int type, gss_buffer_t token);

/* Results are to be released with gss_release_buffer. */
void wrap(struct session *session, bool seal, const void *bytes, size_t count, gss_buffer_t token);
void unwrap(struct session *session, bool must_be_sealed, const gss_buffer_t token, gss_buffer_t plain);

/* Whether this side seals data, and whether the other side has to. */
bool seals(const struct session *session);
bool demands_seal(const struct session *session);

/* Data over TCP. `receive_data` is false at the end of the stream. */
void send_data(int file, struct session *session, const void *bytes, size_t count);
bool receive_data(int file, struct session *session, gss_buffer_t plain);

/* A whole message as one datagram, to whom the socket is connected. */
void send_datagram(int file, struct session *session, const void *bytes, size_t count);
void receive_datagram(int file, struct session *session, gss_buffer_t plain);

/* A type of address, an IPv4 address and a port in network order, as RFC 1928 writes them. */
void put_address(unsigned char *place, uint32_t address, uint16_t port);
void get_address(const unsigned char *place, uint32_t *address, uint16_t *port);

/* A socket on 127.0.0.1, connected to `port` in host order, or bound to a free one when that is 0. */
int open_socket(int kind, uint16_t port);
uint16_t local_port(int file);

#endif
