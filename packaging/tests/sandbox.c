/* What a program may do in the service's place: run by the test `sandbox` as the unit's own command, and
 * once outside of it. Each line says what was tried; one with FAULT is not as it has to be. Where the
 * same user is denied something outside, too, it is the user that keeps it out, and not the sandbox alone.
 *
 * Usage: probe [without-network | with-firewall | follow-log]: the last one is in the place of the service that
 * follows the log.
 * Exit status: 0, or 1 where there is a fault.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int tries, faults;

/* Takes note of a try that came to `result`: -1 with errno, or anything else where it was granted. */
static void tried(const char *what, int wanted, long result) {
	int granted = result != -1;
	tries++;
	faults += granted != wanted;
	printf("%s%s: %s%s%s\n", granted == wanted ? "" : "FAULT: ", granted ? "granted" : "denied", what,
	       granted ? "" : ": ", granted ? "" : strerror(errno));
}
#define YES(what, call) (errno = 0, tried(what, 1, call))
#define NO(what, call) (errno = 0, tried(what, 0, call))

/* Makes a file in a directory. */
static int writes(const char *directory) {
	char path[256];
	snprintf(path, sizeof path, "%s/probe", directory);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	return fd < 0 ? -1 : close(fd);
}

/* Sends a datagram: no answer is needed to see whether it leaves. */
static long sends(const char *address) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	inet_pton(AF_INET, address, &to.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}

/* Listens on any free TCP port. */
static int listens(void) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : listen(fd, 1);
}

/* Runs a call in a process of its own, since it changes the process; -1 with its errno. */
static int apart(int (*call)(void)) {
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(call() == -1 ? errno : 0);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno ? -1 : 0;
}
static int new_user_namespace(void) { return unshare(CLONE_NEWUSER); }
static int new_mount_namespace(void) { return unshare(CLONE_NEWNS); }
static int be_traced(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static int other_personality(void) { return personality(ADDR_NO_RANDOMIZE); }
static int be_real_time(void) {
	struct sched_param parameter = {.sched_priority = 1};
	return sched_setscheduler(0, SCHED_RR, &parameter);
}
static int be_root(void) { return setuid(0); }

static int connects(const char *path) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}

/* What tells the two services apart. */
static void own_files(int follow_log) {
	if (follow_log) {
		YES("write to its state directory", writes("/var/lib/mandatory-tls-follow-log"));
		NO("write to the milter's state directory", writes("/var/lib/mandatory-tls"));
		NO("see the milter's runtime directory", open("/run/mandatory-tls/status.json", O_RDONLY));
		NO("connect to the milter", connects("/run/mandatory-tls/milter.sock"));
		NO("see the queue", open("/var/spool/open", O_RDONLY | O_DIRECTORY));
		YES("read the MTA's log", open("/var/log/mail.log", O_RDONLY));
		NO("write to the MTA's log", open("/var/log/mail.log", O_WRONLY));
		YES("read the journal", open("/var/log/journal/open", O_RDONLY));
		/* journalctl asks for it. */
		YES("see the boot's id", open("/proc/sys/kernel/random/boot_id", O_RDONLY));
	} else {
		YES("write to its state directory", writes("/var/lib/mandatory-tls"));
		YES("write to its runtime directory", writes("/run/mandatory-tls"));
		NO("write to what is recorded from the log", writes("/var/lib/mandatory-tls-follow-log"));
		NO("read the MTA's log", open("/var/log/mail.log", O_RDONLY));
		NO("read the journal", open("/var/log/journal/open", O_RDONLY));
		NO("see the kernel's settings", open("/proc/sys/kernel/hostname", O_RDONLY));
	}
}

static void files(void) {
	/* Everybody may write to the first ones: what denies it is the sandbox. */
	static const char *const outside[] = {
		"/etc/open", "/home/open", "/opt/open", "/srv/open", "/usr/open", "/var/lib/open", "/var/log/open",
		"/var/spool/open", "/run/open", "/run/lock", "/dev/shm", "/dev/mqueue", "/etc", "/etc/mandatory-tls", "/root",
		"/boot", "/var/spool/postfix/mandatory-tls", "/sys/fs/cgroup", "/dev",
	};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		char what[128];
		snprintf(what, sizeof what, "write to %s", outside[i]);
		NO(what, writes(outside[i]));
	}
	/* Its own: the test looks from outside that they are. */
	YES("write to a /tmp of its own", writes("/tmp"));
	YES("write to a /var/tmp of its own", writes("/var/tmp"));
	YES("read its policy", open("/etc/mandatory-tls/policy.yaml", O_RDONLY));
	NO("see a home directory", open("/home/open", O_RDONLY | O_DIRECTORY));
	NO("see another process", open("/proc/1/cmdline", O_RDONLY));
	NO("change the kernel's settings", open("/proc/sys/kernel/core_pattern", O_WRONLY));
	NO("make a file set-user-ID", chmod("/tmp/probe", 04755));
	NO("make a device", mknod("/tmp/null", S_IFCHR | 0600, 0x103));
	NO("open the memory", open("/dev/mem", O_RDONLY));
	NO("open the kernel's log", open("/dev/kmsg", O_RDONLY));
}

static void calls(void) {
	struct timespec now = {0};
	struct timex clock = {0};
	NO("make a user namespace", apart(new_user_namespace));
	NO("make a mount namespace", apart(new_mount_namespace));
	NO("be traced", apart(be_traced));
	NO("trace another process", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
	NO("change its personality", apart(other_personality));
	NO("be scheduled in real time", apart(be_real_time));
	NO("become root", apart(be_root));
	NO("map memory that can be written and run",
	   (long)mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	NO("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
	NO("change its root", chroot("/tmp"));
	NO("load a module", syscall(SYS_init_module, "", 0UL, ""));
	NO("load a program into the kernel", syscall(SYS_bpf, 5, NULL, 0));
	NO("start another kernel", syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL));
	NO("read the kernel's log", klogctl(3, (char[1]){0}, 1));
	NO("set the clock", clock_settime(CLOCK_REALTIME, &now));
	NO("adjust the clock", adjtimex(&clock));
	NO("set the host's name", sethostname("probe", 5));
	NO("reboot", reboot(RB_DISABLE_CAD));
	NO("swap", swapon("/tmp/probe", 0));
	YES("lower its priority", setpriority(PRIO_PROCESS, 0, 10));
}

static void sockets(int without_network, int with_firewall) {
	YES("open a Unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
	NO("open a netlink socket", socket(AF_NETLINK, SOCK_RAW, 0));
	NO("open a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
	NO("open a vsock socket", socket(AF_VSOCK, SOCK_STREAM, 0));
	NO("open a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	if (without_network) {
		NO("open an IPv4 socket", socket(AF_INET, SOCK_STREAM, 0));
		NO("open an IPv6 socket", socket(AF_INET6, SOCK_STREAM, 0));
		NO("listen on TCP", listens());
		NO("send to this host", sends("127.0.0.1"));
	} else {
		/* For `listen: inet:127.0.0.1:8893`, and for the metrics. */
		YES("listen on TCP", listens());
		YES("send to this host", sends("127.0.0.1"));
	}
	if (without_network || with_firewall)
		NO("send to another address", sends("192.0.2.1"));
}

int main(int count, char **arguments) {
	const char *word = count > 1 ? arguments[1] : "";
	int follow_log = strcmp(word, "follow-log") == 0;
	own_files(follow_log);
	files();
	calls();
	sockets(follow_log || strcmp(word, "without-network") == 0, strcmp(word, "with-firewall") == 0);
	printf("tries: %d, faults: %d\n", tries, faults);
	return faults > 0;
}
