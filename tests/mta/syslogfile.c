/*
 * Sends a program's syslog lines to the file named by SYSLOGFILE, one write a line.
 * LD_PRELOADed into Sendmail, which knows no other log than syslog; the tests read its lines. With
 * SYSLOGSTAMP they have the time, the host and the process, as a syslog daemon writes them.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char path[512];
static int stamped;

/* At once: Sendmail empties its environment. */
__attribute__((constructor)) static void remember(void)
{
	const char *name = getenv("SYSLOGFILE");

	if (name != NULL)
		snprintf(path, sizeof path, "%s", name);
	stamped = getenv("SYSLOGSTAMP") != NULL;
}

static void put(const char *format, va_list arguments)
{
	char line[4096];
	int length = 0, file, written;

	if (stamped) {
		time_t now = time(NULL);
		struct tm utc;

		gmtime_r(&now, &utc);
		length = (int) strftime(line, 64, "%Y-%m-%dT%H:%M:%S+00:00 mx.example.com ", &utc);
		length += snprintf(line + length, 64, "sm-mta[%d]: ", (int) getpid());
	}
	written = vsnprintf(line + length, sizeof line - 1 - length, format, arguments);
	if (path[0] == '\0' || written < 0)
		return;
	length += written;
	if (length > (int) sizeof line - 2)
		length = sizeof line - 2;
	if (length == 0 || line[length - 1] != '\n')
		line[length++] = '\n';
	file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (file < 0)
		return;
	if (write(file, line, length) < 0) { /* nobody to tell */ }
	close(file);
}

void openlog(const char *ident, int option, int facility) { (void) ident; (void) option; (void) facility; }
void closelog(void) { }
void vsyslog(int priority, const char *format, va_list arguments) { (void) priority; put(format, arguments); }
void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
	(void) priority; (void) flag;
	put(format, arguments);
}
void syslog(int priority, const char *format, ...)
{
	va_list arguments;

	(void) priority;
	va_start(arguments, format);
	put(format, arguments);
	va_end(arguments);
}
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void) priority; (void) flag;
	va_start(arguments, format);
	put(format, arguments);
	va_end(arguments);
}
