/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule tune` while it runs: a line that is drawn anew, on a terminal only, and signals that end the run in order.
 */
#define _DEFAULT_SOURCE /* sigaction, TIOCGWINSZ */
#include "cli/tune.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR 20

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled = 1;
}

/* What nohup or a shell has told to be ignored stays ignored. */
static void watch(int number)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND | SA_RESTART; /* a second one has its usual effect */
    sigemptyset(&action.sa_mask);
    if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void tune_signals_watch(void)
{
    watch(SIGINT);
    watch(SIGTERM);
}

bool tune_signalled(void)
{
    return signalled;
}

/* "1:05" */
static void clock_text(char text[24], double seconds)
{
    const unsigned whole = seconds > 0.0 && seconds < 1e9 ? (unsigned)(seconds + 0.5) : 0;
    if (whole < 3600)
        snprintf(text, 24, "%u:%02u", whole / 60, whole % 60);
    else
        snprintf(text, 24, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
}

/* What a line may have without being wrapped. */
static int width(void)
{
    struct winsize size;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

int32_t tune_show_progress(void *host, const gml_tune_progress *progress)
{
    const tune_setting *with = host;
    if (!with->quiet) {
        char bar[BAR + 1], spent[24], budget[24], line[320];
        const double share = progress->seconds / with->budget;
        for (int i = 0; i < BAR; i++)
            bar[i] = i + 0.5 < share * BAR ? '#' : '-';
        bar[BAR] = '\0';
        clock_text(spent, progress->seconds);
        clock_text(budget, with->budget);
        snprintf(line, sizeof line, "[%s] %s/%s  %lld of %lld, %lld proven, %+.1f %%  %s", bar, spent, budget,
                 (long long)progress->finished, (long long)progress->tasks, (long long)progress->proven,
                 100.0 * (progress->gain - 1.0), progress->problem);
        fprintf(stderr, "\r%.*s\033[K", width(), line);
        fflush(stderr);
    }
    return signalled;
}

void tune_clear_progress(const tune_setting *with)
{
    if (!with->quiet)
        fputs("\r\033[K", stderr);
}
