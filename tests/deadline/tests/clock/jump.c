/* A clock that jumps: once the file $JUMPED exists, clock $CLOCK is $JUMP seconds ahead. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);
	const char *wanted = getenv("CLOCK"), *jump = getenv("JUMP"), *jumped = getenv("JUMPED");

	if (result == 0 && wanted && jump && jumped && clock == atoi(wanted) && access(jumped, F_OK) == 0)
		now->tv_sec += atol(jump);
	return result;
}
