/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's entry: what belongs to the process as a whole is set here and nowhere else. */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A closed stdin, stdout or stderr must not be replaced by the next file that is opened. What takes
 * its place is open the wrong way round, so that using it is still an error. */
static void hold_standard_files(void)
{
    int fd;
    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    hold_standard_files();
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return (int)tr_cli_main(argc, argv);
}
