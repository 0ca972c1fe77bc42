#!/usr/bin/env python3
"""Makes a header of the files of web/, for the controller to serve. usage: embed_web.py FOLDER HEADER

Each file is in it as it is and compressed, with an entity tag that changes when the file does.
"""

import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
BYTES_PER_LINE = 24


def array(name, data):
    """The bytes as a C++ array: no literal is as long as some of these files."""
    lines = [",".join(map(str, data[at:at + BYTES_PER_LINE])) for at in range(0, len(data), BYTES_PER_LINE)]
    return f"inline constexpr unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def main(folder, target):
    root = Path(folder)
    rows, arrays = [], []
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.suffix in TYPES)):
        data = path.read_bytes()
        served = "/" if path.name == "index.html" else "/" + path.relative_to(root).as_posix()
        tag = hashlib.sha256(data).hexdigest()[:16]
        arrays.append(array(f"plain_{number}", data))
        arrays.append(array(f"gzip_{number}", gzip.compress(data, 9, mtime=0)))
        rows.append(f'    Asset{{"{served}", "{TYPES[path.suffix]}", "\\"{tag}\\"", bytes(plain_{number}), '
                    f"bytes(gzip_{number})}},")
    Path(target).write_text(f"""// Made of web/; not edited.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "controller/http/assets.hpp"

namespace ballast::controller::http {{

template <std::size_t n>
std::string_view bytes(const unsigned char (&data)[n]) {{
    return {{reinterpret_cast<const char*>(data), n}};
}}

{"".join(arrays)}
inline const std::array web_assets{{
{chr(10).join(rows)}
}};

}}  // namespace ballast::controller::http
""", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
