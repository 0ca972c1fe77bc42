#!/usr/bin/env python3
"""Makes a header of docs/openapi.yaml, for the controller to serve as JSON. usage: embed_openapi.py YAML HEADER"""

import json
import sys
from pathlib import Path

import yaml

LITERAL_BYTES_MAX = 16000  # compilers need not take longer ones; adjacent ones are joined


def main(source, target):
    document = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"
    parts = [text[at:at + LITERAL_BYTES_MAX] for at in range(0, len(text), LITERAL_BYTES_MAX)]
    literals = "\n".join(f'    R"openapi({part})openapi"' for part in parts)
    Path(target).write_text(f"""// Made of docs/openapi.yaml; not edited.
#pragma once

#include <string_view>

namespace ballast::controller::http {{

inline constexpr std::string_view openapi_json =
{literals};

}}  // namespace ballast::controller::http
""", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
