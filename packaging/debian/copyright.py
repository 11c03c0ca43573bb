"""debian/copyright: this program, and every crate that is linked into it, with its licence.

Usage: cargo metadata --format-version 1 --filter-platform TARGET | copyright.py

A licence that is not known here ends it with an error: its text must be added first.
"""

import json
import pathlib
import re
import sys

# As SPDX has them, and as Debian has them.
NAMES = {
    "MIT": "Expat",
    "Apache-2.0": "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception": "Apache-2.0 with LLVM exception",
    "CC0-1.0": "CC0-1.0",
    "GPL-3.0-or-later": "GPL-3+",
    "ISC": "ISC",
    "Unicode-3.0": "Unicode-3.0",
    "Unlicense": "Unlicense",
    "Zlib": "Zlib",
    "0BSD": "0BSD",
    "BSL-1.0": "BSL-1.0",
    "BSD-2-Clause": "BSD-2-clause",
    "BSD-3-Clause": "BSD-3-clause",
    "bzip2-1.0.6": "bzip2-1.0.6",
}
IN_DEBIAN = "On Debian systems, the full text is in /usr/share/common-licenses/{}."
TEXTS = {
    "Apache-2.0": """Licensed under the Apache License, Version 2.0; you may not use these files except in
compliance with the License. Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF
ANY KIND, either express or implied.

""" + IN_DEBIAN.format("Apache-2.0"),
    "Apache-2.0 with LLVM exception": """The Apache License, Version 2.0, with this exception: As an exception, if, as a
result of your compiling your source code, portions of this Software are embedded into an Object form
of such source code, you may redistribute such embedded portions in such Object form without complying
with the conditions of Sections 4(a), 4(b) and 4(d) of the License. In addition, if you combine or link
compiled forms of this Software with software that is licensed under the GPLv2 ("Combined Software")
and if a court of competent jurisdiction determines that the patent provision (Section 3), the indemnity
provision (Section 9) or other Section of the License conflicts with the conditions of the GPLv2, you
may retroactively and prospectively choose to deem waived or otherwise exclude such Section(s) of the
License, but only in their entirety and only with respect to the Combined Software.

""" + IN_DEBIAN.format("Apache-2.0"),
    "CC0-1.0": """To the extent possible under law, the authors have dedicated all copyright and related and
neighbouring rights to this software to the public domain worldwide.

""" + IN_DEBIAN.format("CC0-1.0"),
    "GPL-3+": """This program is free software: you can redistribute it and/or modify it under the terms of the
GNU General Public License as published by the Free Software Foundation, either version 3 of the
License, or (at your option) any later version. It is distributed in the hope that it will be useful,
but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A
PARTICULAR PURPOSE.

""" + IN_DEBIAN.format("GPL-3"),
}
# The files of crates that hold the text of a licence that Debian does not bring along.
TEXT_FROM = {"Expat": "LICENSE-MIT", "ISC": "LICENSE", "Unicode-3.0": "LICENSE", "Unlicense": "UNLICENSE",
             "Zlib": "LICENSE", "0BSD": "LICENSE", "BSD-2-clause": "LICENSE-BSD", "BSD-3-clause": "LICENSE",
             "BSL-1.0": "LICENSE-BOOST", "bzip2-1.0.6": "LICENSE"}


def linked(metadata):
    """The crates that become part of the program: no tools of the build, no procedural macros."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = {}, [metadata["resolve"]["root"]]
    while waiting:
        one = waiting.pop()
        kinds = [kind for target in packages[one]["targets"] for kind in target["kind"]]
        if one in found or "proc-macro" in kinds:
            continue
        found[one] = packages[one]
        for dependency in nodes[one]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    own = found.pop(metadata["resolve"]["root"])
    return own, sorted(found.values(), key=lambda package: (package["name"], package["version"]))


def alternatives(package):
    """The licences of a crate, by Debian's names: a list for each alternative, of those that all hold."""
    # `(A OR B) AND C` is `A AND C OR B AND C`; no crate has deeper expressions.
    text = re.sub(r"\(([^()]*)\) AND (.*)", lambda m: " OR ".join(f"{one} AND {m[2]}" for one in m[1].split(" OR ")),
                  package["license"])
    found = [word.strip().split(" AND ") for word in re.split(r" OR |/", text)]
    unknown = [name for names in found for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"copyright.py: {package['name']} is under {unknown[0]}: add its name and text here")
    return [[NAMES[name] for name in names] for names in found]


def expression(licences):
    """As the format of debian/copyright has it."""
    return " or ".join(" and ".join(names) for names in licences)


def directory(package):
    return pathlib.Path(package["manifest_path"]).parent


def holders(package):
    """Who holds the rights, as far as the crate says."""
    lines = []
    for path in sorted(directory(package).glob("*")):
        if not path.is_file() or not path.name.upper().startswith(("LICEN", "COPYRIGHT")):
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"\s*Copyright (?:\([cC]\)|©)?\s*(.*\d{4}.*|.*©.*)", line)
            # The licence itself is no part of the crate.
            if match and "Free Software Foundation" not in line and "[yyyy]" not in line:
                lines.append(match.group(1).strip())
    if not lines:
        lines = package["authors"] or [f"the authors of {package['name']}"]
    return list(dict.fromkeys(lines))


def indented(text):
    return "\n".join(" " + (line.rstrip() or ".") for line in text.strip().splitlines())


def full_text(name, packages):
    """A licence's text without the line of who holds the rights."""
    if name in TEXTS:
        return TEXTS[name]
    for package in packages:
        path = directory(package) / TEXT_FROM[name]
        if any(name in names for names in alternatives(package)) and path.is_file():
            text = path.read_text(encoding="utf-8")
            kept = [line for line in text.splitlines() if not re.match(r"\s*Copyright ", line)]
            return "\n".join(kept).strip()
    sys.exit(f"copyright.py: no crate has the text of {name}")


def main():
    own, crates = linked(json.load(sys.stdin))
    print("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
    print("Upstream-Name: mandatory-tls")
    print("Comment: The program is linked with crates (libraries in Rust), which are named here as")
    print(" crates/NAME-VERSION. They are not part of its source.")
    print("\nFiles: *\nCopyright: the authors of mandatory-tls\nLicense:", expression(alternatives(own)))
    print("\nFiles: rust-std/*\nCopyright: The Rust Project Developers\nLicense: Expat or Apache-2.0")
    print("Comment: Rust's standard library.")
    used = {"GPL-3+", "Expat", "Apache-2.0"}
    if any(package["name"] == "libsqlite3-sys" for package in crates):
        print("\nFiles: sqlite3/*\nCopyright: none; its authors have dedicated it to the public domain")
        print("License: public-domain\n The SQLite library, as the crate libsqlite3-sys brings it along: the author")
        print(" disclaims copyright to this source code.")
    for package in crates:
        licences = alternatives(package)
        used.update(name for names in licences for name in names)
        print(f"\nFiles: crates/{package['name']}-{package['version']}/*")
        print("Copyright:", "\n  ".join(holders(package)))
        print("License:", expression(licences))
    for name in sorted(used):
        print(f"\nLicense: {name}\n{indented(full_text(name, crates))}")


main()
