"""Print the keys of the JSON document on stdin, or of a part of it: `keys [KEY | INDEX]...`."""

from __future__ import annotations

import json
import sys

if __name__ == "__main__":
    value = json.load(sys.stdin)
    for word in sys.argv[1:]:
        value = value[int(word) if isinstance(value, list) else word]
    print(" ".join(sorted(value)))
