/* The bare responder: the least that a milter can do, and so the limit that this machine sets. One
 * thread; a buffer and one flag a connection; no allocation for an event; no log, no checks of what a
 * peer sends beyond what memory safety needs. It takes the same decision.
 *
 * responder SOCKET DOMAINS: mail for dN.example.net, with N even and below twice DOMAINS, is taken over
 * TLS only. SOCKET is the path of a Unix socket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The domains: open addressing, at most half full. */
static char **slots;
static uint32_t mask;

static uint32_t hash(const char *s, size_t n) {
  uint32_t h = 2166136261u;
  while (n--) h = (h ^ (unsigned char)*s++) * 16777619u;
  return h ^ h >> 15;
}

static int opted_in(const char *s, size_t n) {
  for (uint32_t at = hash(s, n) & mask; slots[at]; at = (at + 1) & mask)
    if (!strncmp(slots[at], s, n) && !slots[at][n]) return 1;
  return 0;
}

static void opt_in(long domains) {
  uint32_t size = 2;
  while (size < domains * 2) size *= 2;
  slots = calloc(size, sizeof *slots);
  mask = size - 1;
  for (long i = 0; i < domains; i++) {
    char name[64];
    int n = snprintf(name, sizeof name, "d%ld.example.net", i * 2);
    uint32_t at = hash(name, n) & mask;
    while (slots[at]) at = (at + 1) & mask;
    slots[at] = strdup(name);
  }
}

struct connection {
  int fd, tls;
  uint32_t have;
  unsigned char buffer[2048];
};

static int say(int fd, const void *p, size_t n) { return write(fd, p, n) == (ssize_t)n ? 0 : -1; }

/* Only RCPT, and {tls_version} at every stage. */
static int negotiate(int fd) {
  const uint32_t set_macros = 0x100, no_other_events = 0x377;
  uint32_t words[3] = {htonl(6), htonl(set_macros), htonl(no_other_events)};
  unsigned char out[128];
  size_t n = 4;
  out[n++] = 'O';
  memcpy(out + n, words, sizeof words), n += sizeof words;
  for (uint32_t stage = 0; stage < 4; stage++) {
    uint32_t number = htonl(stage);
    memcpy(out + n, &number, 4), n += 4;
    memcpy(out + n, "{tls_version}", 14), n += 14;
  }
  uint32_t length = htonl(n - 4);
  memcpy(out, &length, 4);
  return say(fd, out, n);
}

static const char REFUSAL[] = "\0\0\0\x30y450 4.7.1 TLS is required for this destination";

/* One packet, with a zero octet behind it; other than 0, the connection is at its end. */
static int handle(struct connection *c, unsigned char command, char *p, size_t n) {
  switch (command) {
  case 'O': return negotiate(c->fd);
  case 'D':
    if (n && (*p == 'H' || *p == 'C')) {
      c->tls = 0;
      for (char *key = p + 1, *end = p + n; key < end;) {
        char *value = key + strlen(key) + 1;
        if (!strcmp(key, "{tls_version}")) c->tls = 1;
        key = value < end ? value + strlen(value) + 1 : end;
      }
    }
    return 0;
  case 'A': return 0;
  case 'K': c->tls = 0; return 0;
  case 'Q': return 1;
  case 'R':
    if (!c->tls) {
      char *at = memrchr(p, '@', n), *end = at ? strchr(at, '>') : 0;
      if (end && opted_in(at + 1, end - at - 1)) return say(c->fd, REFUSAL, sizeof REFUSAL);
    }
  }
  return say(c->fd, "\0\0\0\1c", 5);
}

/* One read and what it brought; other than 0, the connection is at its end. */
static int serve(struct connection *c) {
  ssize_t got = read(c->fd, c->buffer + c->have, sizeof c->buffer - c->have - 1);
  if (got <= 0) return !(got < 0 && errno == EAGAIN);
  c->have += got;
  uint32_t at = 0, length;
  while (c->have - at >= 5) {
    memcpy(&length, c->buffer + at, 4);
    length = ntohl(length);
    if (!length || length > sizeof c->buffer - 8) return 1;
    if (c->have - at < 4 + length) break;
    unsigned char *end = c->buffer + at + 4 + length, kept = *end;
    *end = 0;
    if (handle(c, c->buffer[at + 4], (char *)c->buffer + at + 5, length - 1)) return 1;
    *end = kept;
    at += 4 + length;
  }
  if (at) memmove(c->buffer, c->buffer + at, c->have -= at);
  return 0;
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(fd, (void *)&address, sizeof address)) perror("bind"), exit(1);
  listen(fd, 4096);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) return fputs("usage: responder SOCKET DOMAINS\n", stderr), 64;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  opt_in(atol(argv[2]));
  int listener = listen_at(argv[1]), poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = 0}, events[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int n = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (c) {
        if (serve(c)) close(c->fd), free(c);
        continue;
      }
      int fd = accept4(listener, 0, 0, SOCK_NONBLOCK);
      if (fd < 0) continue;
      c = malloc(sizeof *c);
      c->fd = fd, c->tls = 0, c->have = 0;
      event.data.ptr = c;
      epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
  }
}
