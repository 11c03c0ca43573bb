/* The same decision on libmilter, Sendmail's library, with as little as it can be had for: only RCPT is
 * negotiated, and only one macro.
 *
 * libmilter SOCKET DOMAINS: mail for dN.example.net, with N even and below twice DOMAINS, is taken over
 * TLS only. SOCKET is the path of a Unix socket. */
#define _GNU_SOURCE
#include <libmilter/mfapi.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct hsearch_data opted_in;

static void opt_in(long domains) {
  char name[64];
  ENTRY *entered;
  hcreate_r(domains * 2, &opted_in);
  for (long i = 0; i < domains; i++) {
    snprintf(name, sizeof name, "d%ld.example.net", i * 2);
    hsearch_r((ENTRY){.key = strdup(name)}, ENTER, &entered, &opted_in);
  }
}

static sfsistat on_negotiate(SMFICTX *context, unsigned long f0, unsigned long f1, unsigned long f2,
                             unsigned long f3, unsigned long *actions, unsigned long *steps,
                             unsigned long *pf2, unsigned long *pf3) {
  (void)f0, (void)f1, (void)f2, (void)f3;
  *actions = *pf2 = *pf3 = 0;
  *steps = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NODATA | SMFIP_NOBODY | SMFIP_NOHDRS |
           SMFIP_NOEOH | SMFIP_NOUNKNOWN;
  for (int stage = SMFIM_CONNECT; stage <= SMFIM_ENVRCPT; stage++)
    smfi_setsymlist(context, stage, "{tls_version}");
  return SMFIS_CONTINUE;
}

static sfsistat on_rcpt(SMFICTX *context, char **arguments) {
  if (smfi_getsymval(context, "{tls_version}")) return SMFIS_CONTINUE;
  char name[256], *at = strrchr(arguments[0], '@');
  if (!at) return SMFIS_CONTINUE;
  size_t n = 0;
  for (at++; *at && *at != '>' && n < sizeof name - 1; at++)
    name[n++] = *at >= 'A' && *at <= 'Z' ? *at + 32 : *at;
  name[n] = 0;
  ENTRY *found;
  if (!hsearch_r((ENTRY){.key = name}, FIND, &found, &opted_in)) return SMFIS_CONTINUE;
  smfi_setreply(context, "450", "4.7.1", "TLS is required for this destination");
  return SMFIS_TEMPFAIL;
}

int main(int argc, char **argv) {
  struct smfiDesc filter = {.xxfi_name = "libmilter", .xxfi_version = SMFI_VERSION,
                            .xxfi_negotiate = on_negotiate, .xxfi_envrcpt = on_rcpt};
  if (argc != 3) return fputs("usage: libmilter SOCKET DOMAINS\n", stderr), 64;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  opt_in(atol(argv[2]));
  smfi_setconn(argv[1]);
  smfi_setbacklog(4096);
  if (smfi_register(filter) != MI_SUCCESS || smfi_opensocket(1) != MI_SUCCESS) return 1;
  return smfi_main();
}
