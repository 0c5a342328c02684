/*
 * client SERVICE@HOST GATEWAY-PORT LEVEL seal|sign tcp|udp TARGET-PORT
 *
 * Asks the gateway on 127.0.0.1 for the level, and for a target on 127.0.0.1 that echoes: 1 MiB in chunks of many sizes
 * over TCP, or 100 datagrams. Prints one JSON object, and ends with 0 when all came back as it was sent.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VOLUME = 1 << 20, LARGEST_CHUNK = 60000, DATAGRAMS = 100, LARGEST_DATAGRAM = 1400, PATIENCE = 30 };

static unsigned state = 1;

/* The same numbers in every run. */
static unsigned next_number(void)
{
	state = state * 1103515245u + 12345u;
	return state >> 8;
}

static void fill(unsigned char *bytes, size_t count)
{
	for (size_t index = 0; index < count; index++)
		bytes[index] = (unsigned char)next_number();
}

static void authenticate(int file, struct session *session, const char *service, bool in_order)
{
	OM_uint32 major, minor, granted = 0;
	OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;
	if (in_order)
		wanted |= GSS_C_SEQUENCE_FLAG;
	gss_buffer_desc name = {.length = strlen(service), .value = (void *)(uintptr_t)service};
	gss_name_t target;
	major = gss_import_name(&minor, &name, GSS_C_NT_HOSTBASED_SERVICE, &target);
	require("gss_import_name", major, minor);

	unsigned char choice[2];
	send_all(file, "\x05\x01\x01", 3);
	if (!receive_all(file, choice, 2) || choice[0] != 5 || choice[1] != 1)
		fail("the gateway does not choose method 1");

	gss_buffer_desc input = GSS_C_EMPTY_BUFFER, output;
	do {
		major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &session->context, target, GSS_KRB5_MECHANISM, wanted, 0,
			GSS_C_NO_CHANNEL_BINDINGS, &input, NULL, &output, &granted, NULL);
		if (major != GSS_S_CONTINUE_NEEDED)
			require("gss_init_sec_context", major, minor);
		if (output.length > 0)
			send_message(file, AUTHENTICATION, output.value, output.length);
		gss_release_buffer(&minor, &output);
		if (major == GSS_S_CONTINUE_NEEDED && !receive_message(file, AUTHENTICATION, &input))
			fail("the gateway closes during the authentication");
	} while (major == GSS_S_CONTINUE_NEEDED);
	if ((granted & wanted) != wanted)
		fail("flags %#x in place of %#x", granted, wanted);
	gss_release_name(&minor, &target);
}

static void agree(int file, struct session *session, int level)
{
	OM_uint32 minor;
	unsigned char asked = (unsigned char)level;
	gss_buffer_desc token, answer;
	wrap(session, false, &asked, 1, &token);
	send_message(file, LEVEL, token.value, token.length);
	gss_release_buffer(&minor, &token);
	if (!receive_message(file, LEVEL, &token))
		fail("the gateway closes in place of a level");
	unwrap(session, false, &token, &answer);
	if (answer.length != 1 || *(unsigned char *)answer.value != asked)
		fail("another level than %d", level);
	session->level = level;
	gss_release_buffer(&minor, &answer);
}

static uint16_t request(int file, struct session *session, int command, uint16_t port)
{
	OM_uint32 minor;
	unsigned char message[REQUEST] = {5, (unsigned char)command, 0};
	gss_buffer_desc reply;
	uint32_t address = command == COMMAND_CONNECT ? htonl(INADDR_LOOPBACK) : 0;
	put_address(message + 3, address, htons(port));
	send_data(file, session, message, sizeof message);
	if (!receive_data(file, session, &reply))
		fail("the gateway closes in place of a reply");
	const unsigned char *octets = reply.value;
	if (reply.length != REQUEST || octets[0] != 5 || octets[1] != 0)
		fail("a reply of %zu bytes, code %d", reply.length, reply.length > 1 ? octets[1] : -1);
	get_address(octets + 3, &address, &port);
	gss_release_buffer(&minor, &reply);
	return ntohs(port);
}

static void expect(const gss_buffer_t plain, const unsigned char *expected, size_t left)
{
	if (plain->length > left || memcmp(plain->value, expected, plain->length) != 0)
		fail("other bytes come back than were sent");
}

static void exchange_stream(int file, struct session *session)
{
	static unsigned char chunk[LARGEST_CHUNK];
	OM_uint32 minor;
	gss_buffer_desc plain;
	for (size_t done = 0; done < VOLUME;) {
		size_t size = 1 + next_number() % (done % 2 == 0 ? LARGEST_CHUNK : 100);
		size = size < VOLUME - done ? size : VOLUME - done;
		fill(chunk, size);
		send_data(file, session, chunk, size);
		for (size_t back = 0; back < size; back += plain.length, gss_release_buffer(&minor, &plain)) {
			if (!receive_data(file, session, &plain))
				fail("the stream ends %zu bytes early", VOLUME - done - back);
			expect(&plain, chunk + back, size - back);
		}
		done += size;
	}
	shutdown(file, SHUT_WR);
	if (receive_data(file, session, &plain))
		fail("%zu bytes more than were sent", plain.length);
}

static void exchange_datagrams(int relay, struct session *session, uint16_t target)
{
	unsigned char message[REQUEST + LARGEST_DATAGRAM] = {0};
	OM_uint32 minor;
	gss_buffer_desc plain;
	put_address(message + 3, htonl(INADDR_LOOPBACK), htons(target));
	for (int number = 0; number < DATAGRAMS; number++) {
		size_t size = REQUEST + next_number() % (LARGEST_DATAGRAM + 1);
		fill(message + REQUEST, size - REQUEST);
		send_datagram(relay, session, message, size);
		receive_datagram(relay, session, &plain);
		if (plain.length != size)
			fail("a datagram of %zu bytes in place of %zu", plain.length, size);
		expect(&plain, message, size);
		gss_release_buffer(&minor, &plain);
	}
}

int main(int count, char **arguments)
{
	if (count != 7)
		fail("usage: client SERVICE@HOST GATEWAY-PORT LEVEL seal|sign tcp|udp TARGET-PORT");
	alarm(PATIENCE);
	bool stream = strcmp(arguments[5], "tcp") == 0;
	struct session session = {.context = GSS_C_NO_CONTEXT, .seal = strcmp(arguments[4], "seal") == 0};
	uint16_t target = (uint16_t)atoi(arguments[6]);
	int file = open_socket(SOCK_STREAM, (uint16_t)atoi(arguments[2]));
	authenticate(file, &session, arguments[1], stream);
	agree(file, &session, atoi(arguments[3]));
	if (stream) {
		request(file, &session, COMMAND_CONNECT, target);
		exchange_stream(file, &session);
	} else {
		int relay = open_socket(SOCK_DGRAM, request(file, &session, COMMAND_ASSOCIATE, 0));
		exchange_datagrams(relay, &session, target);
	}
	printf("{\"ok\": true, \"level\": %d, \"wrapped\": %u, \"rotated\": %u, \"opened\": %u, \"sealed\": %u}\n", session.level,
		session.wrapped, session.wrapped_rotated, session.opened, session.opened_sealed);
	return 0;
}
