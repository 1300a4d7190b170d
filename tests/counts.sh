#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs a comparison with stored counts. Where none are stored for this compiler and its flags, there is nothing to
# compare: it says so, and the test is skipped.
#
#     tests/counts.sh COMMAND...
"$@"
code=$?
[ $code -ne 3 ] || exit 77
exit $code
