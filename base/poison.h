/* SPDX-License-Identifier: Apache-2.0
 *
 * Forced into every translation unit (-include). The headers that mention the unsafe calls come
 * first, then the names are poisoned: a use of one does not compile. `rand` is missing from the
 * list because OpenSSL names a parameter so. */
#ifndef TR_BASE_POISON_H
#define TR_BASE_POISON_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A fortified build makes these two macros under clang, which warns about poisoning a macro. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strncpy strcat strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof gmtime localtime asctime ctime tmpnam mktemp tempnam
#pragma GCC poison system popen

#endif
