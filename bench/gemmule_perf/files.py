# SPDX-License-Identifier: BSD-3-Clause
"""Files that others may read meanwhile."""
import os
import tempfile


def write_whole(path, text):
    """All of the file or nothing of it: written beside it under another name, and renamed. Raises OSError."""
    with tempfile.NamedTemporaryFile(
        "w", dir=os.path.dirname(os.path.abspath(path)), prefix=".", suffix=".part", delete=False, encoding="utf-8",
        newline="\n",
    ) as file:  # fmt: skip
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.fileno(), 0o644)
            os.rename(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
