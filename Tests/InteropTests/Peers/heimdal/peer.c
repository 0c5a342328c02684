#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void print_status(OM_uint32 status, int kind)
{
	OM_uint32 minor, more = 0;
	do {
		gss_buffer_desc text;
		if (gss_display_status(&minor, status, kind, GSS_C_NO_OID, &more, &text) != GSS_S_COMPLETE)
			return;
		fprintf(stderr, "%.*s; ", (int)text.length, (const char *)text.value);
		gss_release_buffer(&minor, &text);
	} while (more != 0);
}

void require(const char *call, OM_uint32 major, OM_uint32 minor)
{
	if (major == GSS_S_COMPLETE)
		return;
	print_status(major, GSS_C_GSS_CODE);
	print_status(minor, GSS_C_MECH_CODE);
	fail("%s: %#x, %d", call, major, (int)minor);
}

void send_all(int file, const void *bytes, size_t count)
{
	const char *next = bytes;
	while (count > 0) {
		ssize_t sent = send(file, next, count, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			fail("send: %s", strerror(errno));
		next += sent;
		count -= (size_t)sent;
	}
}

bool receive_all(int file, void *bytes, size_t count)
{
	char *next = bytes;
	size_t missing = count;
	while (missing > 0) {
		ssize_t received = recv(file, next, missing, 0);
		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			fail("recv: %s", strerror(errno));
		if (received == 0 && missing == count)
			return false;
		if (received == 0)
			fail("the stream ends inside a message");
		next += received;
		missing -= (size_t)received;
	}
	return true;
}

void send_message(int file, int type, const void *token, size_t count)
{
	static unsigned char message[HEADER + LARGEST_TOKEN];
	if (count > LARGEST_TOKEN)
		fail("a token of %zu bytes", count);
	message[0] = VERSION;
	message[1] = (unsigned char)type;
	message[2] = (unsigned char)(count >> 8);
	message[3] = (unsigned char)count;
	if (count > 0)
		memcpy(message + HEADER, token, count);
	send_all(file, message, HEADER + count);
}

bool receive_message(int file, int type, gss_buffer_t token)
{
	static unsigned char message[HEADER + LARGEST_TOKEN];
	if (!receive_all(file, message, 2))
		return false;
	if (message[0] != VERSION || message[1] != type)
		fail("a message %02x %02x in place of 01 %02x", message[0], message[1], type);
	if (!receive_all(file, message + 2, 2))
		fail("a message without a length");
	token->length = (size_t)message[2] << 8 | message[3];
	token->value = message + HEADER;
	if (token->length > 0 && !receive_all(file, token->value, token->length))
		fail("a message without its token");
	return true;
}

void wrap(struct session *session, bool seal, const void *bytes, size_t count, gss_buffer_t token)
{
	gss_buffer_desc plain = {.length = count, .value = (void *)(uintptr_t)bytes};
	OM_uint32 major, minor;
	int sealed = 0;
	major = gss_wrap(&minor, session->context, seal, GSS_C_QOP_DEFAULT, &plain, &sealed, token);
	require("gss_wrap", major, minor);
	if ((sealed != 0) != seal)
		fail("asked for %s, got the other", seal ? "sealed" : "signed");
	session->wrapped++;
	/* RFC 4121 section 4.2.6.2: the number of bytes by which the token is rotated is in its bytes 6 and 7. */
	const unsigned char *header = token->value;
	if (token->length < 16 || header[0] != 5 || header[1] != 4)
		fail("the library makes tokens of another kind than RFC 4121's");
	if (header[6] != 0 || header[7] != 0)
		session->wrapped_rotated++;
}

void unwrap(struct session *session, bool must_be_sealed, const gss_buffer_t token, gss_buffer_t plain)
{
	OM_uint32 major, minor;
	int sealed = 0;
	gss_qop_t quality;
	major = gss_unwrap(&minor, session->context, token, plain, &sealed, &quality);
	require("gss_unwrap", major, minor);
	if (must_be_sealed && sealed == 0)
		fail("a message that is only signed where it has to be sealed");
	session->opened++;
	if (sealed != 0)
		session->opened_sealed++;
}

bool seals(const struct session *session)
{
	return session->level == 2 || (session->level == 3 && session->seal);
}

bool demands_seal(const struct session *session)
{
	return session->level == 2;
}

void send_data(int file, struct session *session, const void *bytes, size_t count)
{
	OM_uint32 minor;
	gss_buffer_desc token;
	wrap(session, seals(session), bytes, count, &token);
	send_message(file, DATA, token.value, token.length);
	gss_release_buffer(&minor, &token);
}

bool receive_data(int file, struct session *session, gss_buffer_t plain)
{
	gss_buffer_desc token;
	if (!receive_message(file, DATA, &token))
		return false;
	unwrap(session, demands_seal(session), &token, plain);
	return true;
}

void send_datagram(int file, struct session *session, const void *bytes, size_t count)
{
	unsigned char message[HEADER + LARGEST_TOKEN] = {VERSION, DATA};
	OM_uint32 minor;
	gss_buffer_desc token;
	wrap(session, seals(session), bytes, count, &token);
	if (token.length > LARGEST_TOKEN)
		fail("a token of %zu bytes", token.length);
	message[2] = (unsigned char)(token.length >> 8);
	message[3] = (unsigned char)token.length;
	memcpy(message + HEADER, token.value, token.length);
	ssize_t sent = send(file, message, HEADER + token.length, 0);
	if (sent != (ssize_t)(HEADER + token.length))
		fail("send: %s", strerror(errno));
	gss_release_buffer(&minor, &token);
}

void receive_datagram(int file, struct session *session, gss_buffer_t plain)
{
	unsigned char message[HEADER + LARGEST_TOKEN];
	ssize_t received = recv(file, message, sizeof message, 0);
	if (received < HEADER)
		fail("recv: %s", received < 0 ? strerror(errno) : "a short datagram");
	gss_buffer_desc token = {.length = (size_t)message[2] << 8 | message[3], .value = message + HEADER};
	if (message[0] != VERSION || message[1] != DATA || token.length != (size_t)received - HEADER)
		fail("a datagram that is no message");
	unwrap(session, demands_seal(session), &token, plain);
}

void put_address(unsigned char *place, uint32_t address, uint16_t port)
{
	place[0] = 1;
	memcpy(place + 1, &address, 4);
	memcpy(place + 5, &port, 2);
}

void get_address(const unsigned char *place, uint32_t *address, uint16_t *port)
{
	if (place[0] != 1)
		fail("an address of type %d in place of IPv4's", place[0]);
	memcpy(address, place + 1, 4);
	memcpy(port, place + 5, 2);
}

int open_socket(int kind, uint16_t port)
{
	int file = socket(AF_INET, kind, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int failed = file < 0;
	if (!failed && port != 0)
		failed = connect(file, (struct sockaddr *)&address, sizeof address);
	else if (!failed)
		failed = bind(file, (struct sockaddr *)&address, sizeof address);
	if (failed)
		fail("port %d: %s", port, strerror(errno));
	int yes = 1;
	if (kind == SOCK_STREAM)
		setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return file;
}

uint16_t local_port(int file)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	if (getsockname(file, (struct sockaddr *)&address, &size) != 0)
		fail("getsockname: %s", strerror(errno));
	return ntohs(address.sin_port);
}
