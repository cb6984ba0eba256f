/* SPDX-License-Identifier: Apache-2.0
 *
 * An environment of a test's own, and files for it to point at. */
#ifndef TR_TESTS_SUPPORT_ENV_H
#define TR_TESTS_SUPPORT_ENV_H

/* Forget all variables. */
void tr_test_env_clear(void);
/* Set a variable; both strings must outlive the test. */
void tr_test_env_set(const char *name, const char *value);
/* As getenv, for the functions under test. Threads: one test at a time. */
const char *tr_test_getenv(const char *name);

/* A file with this text in a folder made for the process, removed at its end. Owns: the path is
 * static until the next 8 files. */
const char *tr_test_file(const char *name, const char *text);

#endif
