"""CHANGELOG.md's section of a version as debian/changelog.

Usage: changelog.py CHANGELOG.md VERSION PACKAGE-VERSION MAINTAINER SECONDS-SINCE-1970

Ends with status 1 where there is no such section at the top: each version has its entry.
"""

import email.utils
import re
import sys
import textwrap

path, version, package_version, maintainer, seconds = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    sections = re.split(r"^## ", file.read(), flags=re.MULTILINE)[1:]
title, _, body = sections[0].partition("\n")
if title.split()[0] != version:
    sys.exit(1)
items = [" ".join(item.split()) for item in re.split(r"^- ", body, flags=re.MULTILINE)[1:]]
print(f"mandatory-tls ({package_version}) unstable; urgency=medium\n")
for item in items:
    item = item.replace("`", "")
    print(textwrap.fill(item, 76, initial_indent="  * ", subsequent_indent="    "))
date = email.utils.formatdate(int(seconds))
print(f"\n -- {maintainer}  {date}")
