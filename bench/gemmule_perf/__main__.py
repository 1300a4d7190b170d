# SPDX-License-Identifier: BSD-3-Clause
"""`python3 .../gemmule_perf ARGUMENTS`: what `gemmule perf` runs."""
import os
import signal
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from gemmule_perf.command import main  # noqa: E402

# As an interrupt from the keyboard: harnesses have process groups of their own, and must be ended.
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
