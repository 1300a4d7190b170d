/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proof/trap.h"
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { N_SIGNALS = 3 };
static const int signals[N_SIGNALS] = {SIGSEGV, SIGBUS, SIGILL};
static struct sigaction before[N_SIGNALS];

static _Thread_local sigjmp_buf *escape;
static _Thread_local proof_fault last;
static const char *volatile running = "nothing";

static void say(const char *text)
{
    const ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* nobody is left to tell */
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (escape) {
        last.signal = signal;
        last.address = info->si_addr;
        siglongjmp(*escape, 1);
    }
    say(signal == SIGILL ? "an instruction this CPU does not have, in a worker thread: "
                         : "an access outside the operands, in a worker thread: ");
    say(running);
    say("\n");
    _exit(1);
}

void proof_trap_begin(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
}

void proof_trap_end(void)
{
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
}

bool proof_guarded(void (*body)(void *), void *argument, const char *label, proof_fault *fault)
{
    sigjmp_buf here;
    running = label;
    if (sigsetjmp(here, 1)) {
        escape = NULL;
        *fault = last;
        return false;
    }
    escape = &here;
    body(argument);
    escape = NULL;
    return true;
}
