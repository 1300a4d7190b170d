# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf: performance recorded, compared and watched (docs/regression.md)."""
