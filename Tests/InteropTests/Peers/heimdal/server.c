/*
 * server SERVICE@HOST seal|sign
 *
 * Prints {"listening": PORT}, then serves one client after the other, each at the level that it asks for: CONNECT and UDP
 * ASSOCIATE, with IPv4 addresses on 127.0.0.1 as targets. One JSON object a session. A fault ends the program.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 20000, PATIENCE = 120 };

static void authenticate(int file, struct session *session, gss_cred_id_t credential)
{
	OM_uint32 major, minor, granted = 0;
	unsigned char greeting[2], methods[255];
	if (!receive_all(file, greeting, 2) || greeting[0] != 5 || greeting[1] == 0)
		fail("no greeting of SOCKS 5");
	if (!receive_all(file, methods, greeting[1]) || memchr(methods, 1, greeting[1]) == NULL)
		fail("the client does not offer method 1");
	send_all(file, "\x05\x01", 2);

	gss_buffer_desc input, output;
	do {
		if (!receive_message(file, AUTHENTICATION, &input))
			fail("the client closes during the authentication");
		major = gss_accept_sec_context(&minor, &session->context, credential, &input, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL,
			&output, &granted, NULL, NULL);
		if (major != GSS_S_CONTINUE_NEEDED)
			require("gss_accept_sec_context", major, minor);
		send_message(file, AUTHENTICATION, output.value, output.length);
		gss_release_buffer(&minor, &output);
	} while (major == GSS_S_CONTINUE_NEEDED);
	if ((granted & GSS_C_MUTUAL_FLAG) == 0 || (granted & GSS_C_INTEG_FLAG) == 0)
		fail("flags %#x", granted);
}

static void agree(int file, struct session *session)
{
	OM_uint32 minor;
	gss_buffer_desc token, asked;
	if (!receive_message(file, LEVEL, &token))
		fail("the client closes in place of a level");
	unwrap(session, false, &token, &asked);
	session->level = asked.length == 1 ? *(unsigned char *)asked.value : 0;
	if (session->level < 1 || session->level > 3)
		fail("level %d", session->level);
	wrap(session, false, asked.value, 1, &token);
	send_message(file, LEVEL, token.value, token.length);
	gss_release_buffer(&minor, &token);
	gss_release_buffer(&minor, &asked);
}

/* The command, and in host order the port to connect to. */
static int take_request(int file, struct session *session, uint16_t *port)
{
	OM_uint32 minor;
	gss_buffer_desc message;
	uint32_t address;
	if (!receive_data(file, session, &message))
		fail("the client closes in place of a request");
	const unsigned char *octets = message.value;
	if (message.length != REQUEST || octets[0] != 5)
		fail("a request of %zu bytes", message.length);
	int command = octets[1];
	get_address(octets + 3, &address, port);
	*port = ntohs(*port);
	gss_release_buffer(&minor, &message);
	return command;
}

static void reply(int file, struct session *session, uint16_t port)
{
	unsigned char message[REQUEST] = {5, 0, 0};
	put_address(message + 3, htonl(INADDR_LOOPBACK), htons(port));
	send_data(file, session, message, sizeof message);
}

/* False at the end of the target's stream. */
static bool relay_down(int client, int target, struct session *session)
{
	char chunk[CHUNK];
	ssize_t received = recv(target, chunk, sizeof chunk, 0);
	if (received < 0)
		fail("recv: %s", strerror(errno));
	if (received > 0)
		send_data(client, session, chunk, (size_t)received);
	return received > 0;
}

/* Takes what the target says while the target does not take: it waits for us as we wait for it. False as above. */
static bool relay_up(int client, int target, struct session *session, const gss_buffer_t plain)
{
	bool open = true;
	for (size_t done = 0; done < plain->length;) {
		struct pollfd ready = {.fd = target, .events = open ? POLLIN | POLLOUT : POLLOUT};
		poll(&ready, 1, -1);
		if (open && (ready.revents & POLLIN) != 0)
			open = relay_down(client, target, session);
		ssize_t sent = send(target, (char *)plain->value + done, plain->length - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN)
			fail("send: %s", strerror(errno));
		done += sent > 0 ? (size_t)sent : 0;
	}
	return open;
}

static void relay_stream(int client, int target, struct session *session)
{
	OM_uint32 minor;
	bool up = true, down = true;
	while (up || down) {
		struct pollfd ready[2] = {{.fd = up ? client : -1, .events = POLLIN}, {.fd = down ? target : -1, .events = POLLIN}};
		poll(ready, 2, -1);
		if (down && ready[1].revents != 0) {
			down = relay_down(client, target, session);
			if (!down)
				shutdown(client, SHUT_WR);
		}
		if (up && ready[0].revents != 0) {
			gss_buffer_desc plain;
			up = receive_data(client, session, &plain);
			if (!up) {
				shutdown(target, SHUT_WR);
				continue;
			}
			if (!relay_up(client, target, session, &plain))
				down = false;
			gss_release_buffer(&minor, &plain);
		}
	}
}

struct association {
	int control, relay, target;
	bool knows_client; /* whose address is that of its first datagram */
};

static void relay_up_datagram(struct association *association, struct session *session)
{
	OM_uint32 minor;
	gss_buffer_desc plain;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	char first;
	if (!association->knows_client) {
		if (recvfrom(association->relay, &first, 1, MSG_PEEK, (struct sockaddr *)&address, &size) < 0 ||
			connect(association->relay, (struct sockaddr *)&address, size) != 0)
			fail("the client's address: %s", strerror(errno));
		association->knows_client = true;
	}
	receive_datagram(association->relay, session, &plain);
	const unsigned char *octets = plain.value;
	if (plain.length < REQUEST || octets[2] != 0)
		fail("a datagram without a header");
	get_address(octets + 3, &address.sin_addr.s_addr, &address.sin_port);
	if (sendto(association->target, octets + REQUEST, plain.length - REQUEST, 0, (struct sockaddr *)&address, sizeof address) < 0)
		fail("sendto: %s", strerror(errno));
	gss_release_buffer(&minor, &plain);
}

static void relay_down_datagram(const struct association *association, struct session *session)
{
	unsigned char answer[REQUEST + LARGEST_TOKEN] = {0};
	struct sockaddr_in source;
	socklen_t size = sizeof source;
	ssize_t received = recvfrom(association->target, answer + REQUEST, LARGEST_TOKEN, 0, (struct sockaddr *)&source, &size);
	if (received < 0)
		fail("recvfrom: %s", strerror(errno));
	put_address(answer + 3, source.sin_addr.s_addr, source.sin_port);
	send_datagram(association->relay, session, answer, REQUEST + (size_t)received);
}

/* Until the control connection ends. */
static void relay_datagrams(struct association *association, struct session *session)
{
	for (;;) {
		struct pollfd ready[3] = {{.fd = association->control, .events = POLLIN},
			{.fd = association->relay, .events = POLLIN}, {.fd = association->target, .events = POLLIN}};
		poll(ready, 3, -1);
		if (ready[2].revents != 0)
			relay_down_datagram(association, session);
		if (ready[1].revents != 0)
			relay_up_datagram(association, session);
		if (ready[0].revents != 0)
			return;
	}
}

static void serve(int client, struct session *session, gss_cred_id_t credential)
{
	uint16_t port;
	authenticate(client, session, credential);
	agree(client, session);
	int command = take_request(client, session, &port);
	if (command == COMMAND_CONNECT) {
		int target = open_socket(SOCK_STREAM, port);
		reply(client, session, local_port(target));
		relay_stream(client, target, session);
		close(target);
	} else if (command == COMMAND_ASSOCIATE) {
		struct association association = {client, open_socket(SOCK_DGRAM, 0), open_socket(SOCK_DGRAM, 0), false};
		reply(client, session, local_port(association.relay));
		relay_datagrams(&association, session);
		close(association.relay);
		close(association.target);
	} else {
		fail("command %d", command);
	}
}

int main(int count, char **arguments)
{
	OM_uint32 major, minor;
	gss_name_t name;
	gss_cred_id_t credential;
	if (count != 3)
		fail("usage: server SERVICE@HOST seal|sign");
	alarm(PATIENCE);
	gss_buffer_desc service = {.length = strlen(arguments[1]), .value = arguments[1]};
	major = gss_import_name(&minor, &service, GSS_C_NT_HOSTBASED_SERVICE, &name);
	require("gss_import_name", major, minor);
	major = gss_acquire_cred(&minor, name, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT, &credential, NULL, NULL);
	require("gss_acquire_cred", major, minor);
	int listener = open_socket(SOCK_STREAM, 0);
	if (listen(listener, 8) != 0)
		fail("listen: %s", strerror(errno));
	printf("{\"listening\": %d}\n", local_port(listener));
	fflush(stdout);
	for (;;) {
		struct session session = {.context = GSS_C_NO_CONTEXT, .seal = strcmp(arguments[2], "seal") == 0};
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			fail("accept: %s", strerror(errno));
		serve(client, &session, credential);
		close(client);
		gss_delete_sec_context(&minor, &session.context, GSS_C_NO_BUFFER);
		printf("{\"level\": %d, \"wrapped\": %u, \"rotated\": %u, \"opened\": %u, \"sealed\": %u}\n", session.level,
			session.wrapped, session.wrapped_rotated, session.opened, session.opened_sealed);
		fflush(stdout);
	}
}
