/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Turns an access to a guard page, or an instruction this CPU does not have, into a failure with a name.
 */
#ifndef GML_PROOF_TRAP_H
#define GML_PROOF_TRAP_H

#include <stdbool.h>

typedef struct proof_fault {
    int signal;          /* SIGSEGV, SIGBUS or SIGILL */
    const void *address; /* of the access             */
} proof_fault;

/* Between begin and end the three signals are the trap's; what was there before is restored. */
void proof_trap_begin(void);
void proof_trap_end(void);

/*
 * Runs body(argument). false when it was cut short by a fault, which is then described in *fault.
 *
 * Only the calling thread can be brought back. A fault in another thread (a worker of the library) writes
 * `label` and the kind of the fault to the standard error and ends the process with exit code 1.
 */
bool proof_guarded(void (*body)(void *), void *argument, const char *label, proof_fault *fault);

#endif
