/* For the tests: a server whose ports are fixed, on others of loopback.
 *
 * In: WARDEN_TEST_PORTS, pairs of a port and the one that is taken in its place:
 * `389=20389 636=20636`. Out: binds to those; asked for its own address, a socket still
 * says what was asked for, for Samba tells LDAPS by it. Never: a bind to a port that is
 * not named there, or to an address other than 127.0.0.1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned next_number(const char **text) {
    unsigned value = 0;
    for (; **text >= '0' && **text <= '9'; ++*text) value = value * 10 + (unsigned)(**text - '0');
    if (**text) ++*text;
    return value;
}

/* What stands for a port, or what it stands for; 0 when it is not named. */
static in_port_t other(in_port_t port, int back) {
    const char *pairs = getenv("WARDEN_TEST_PORTS");
    while (pairs && *pairs) {
        in_port_t fixed = htons((in_port_t)next_number(&pairs));
        in_port_t taken = htons((in_port_t)next_number(&pairs));
        if (port == (back ? taken : fixed)) return back ? fixed : taken;
    }
    return 0;
}

int bind(int socket, const struct sockaddr *address, socklen_t length) {
    struct sockaddr_in own;
    if (address->sa_family == AF_UNIX) return (int)syscall(SYS_bind, socket, address, length);
    if (address->sa_family == AF_INET && length >= sizeof(own)) {
        memcpy(&own, address, sizeof(own));
        own.sin_port = other(own.sin_port, 0);
        if (own.sin_port && own.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
            return (int)syscall(SYS_bind, socket, &own, sizeof(own));
    }
    errno = EACCES;
    return -1;
}

int getsockname(int socket, struct sockaddr *address, socklen_t *length) {
    int status = (int)syscall(SYS_getsockname, socket, address, length);
    struct sockaddr_in *own = (struct sockaddr_in *)(void *)address;
    if (status == 0 && *length >= sizeof(*own) && own->sin_family == AF_INET) {
        in_port_t fixed = other(own->sin_port, 1);
        if (fixed) own->sin_port = fixed;
    }
    return status;
}
