/*
 * Sends a program's syslog lines to the file named by SYSLOGFILE, one write a line.
 * LD_PRELOADed into Sendmail, which knows no other log than syslog; the tests read its lines.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[512];

/* At once: Sendmail empties its environment. */
__attribute__((constructor)) static void remember(void)
{
	const char *name = getenv("SYSLOGFILE");

	if (name != NULL)
		snprintf(path, sizeof path, "%s", name);
}

static void put(const char *format, va_list arguments)
{
	char line[4096];
	int length = vsnprintf(line, sizeof line - 1, format, arguments);
	int file;

	if (path[0] == '\0' || length < 0)
		return;
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
