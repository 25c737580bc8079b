/* check.h - the impossible, and calls that nobody here makes.
 *
 * CHECK guards what only a defect of ours can break: it stays on in release, says where, and aborts, because
 * the queue is on disk and a restart is not a loss.  Never CHECK what came from outside: that is
 * HERALD_INVALID. Include this header last: it turns the banned calls into compile errors. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define unreached() check_failed(__FILE__, __LINE__, "unreached")

#define countof(array) (sizeof(array) / sizeof((array)[0]))

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime atoi atol rand srand system

#endif
