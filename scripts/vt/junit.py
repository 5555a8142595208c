# SPDX-License-Identifier: GPL-2.0-only
"""Runs as JUnit XML, which CI systems read: a suite a kernel, a case an oracle."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

# XML 1.0 has no room for other control characters, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def _text(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _case(suite: ET.Element, doc: dict[str, Any], group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_text(f"{doc['kernel']['name']}.{group}"),
                         name=_text(name), time=str(doc["seconds"]))


def _bad(case: ET.Element, how: str, message: str, text: str = "") -> None:
    element = ET.SubElement(case, how, message=_text(message))
    element.text = _text(text) or None


def _scenario(suite: ET.Element, doc: dict[str, Any], sc: dict[str, Any]) -> None:
    if sc["verdict"] == "SKIP":
        _bad(_case(suite, doc, sc["name"], "scenario"), "skipped", sc["why"])
        return
    for kind in sorted(set(sc["kinds"]) | {v["kind"] for v in sc["variants"]}):
        case = _case(suite, doc, sc["name"], kind)
        found = [v for v in sc["variants"] if v["kind"] == kind]
        new = [v for v in found if not v["known"]]
        if new:
            _bad(case, "failure", f"{sum(v['count'] for v in new)} of a race that is not known",
                 "\n".join(line for v in new for line in [v["detail"], *v["stack"]]))
        elif kind in sc["absent"]:
            _bad(case, "skipped", sc["absent"][kind])
        if found and not new:
            ET.SubElement(case, "system-out").text = _text(
                "\n".join(f"known: {v['why']}: {v['count']} times" for v in found))
    if sc["incomplete"]:
        _bad(_case(suite, doc, sc["name"], "earned"), "error", sc["why"])


def document(docs: Sequence[dict[str, Any]]) -> str:
    """All runs as one document."""
    root = ET.Element("testsuites", name="vma_torture")
    for doc in docs:
        suite = ET.SubElement(root, "testsuite", name=_text(doc["kernel"]["name"]),
                              timestamp=doc["started"].rstrip("Z"))
        guest = _case(suite, doc, "guest", "guest")
        if doc["guest"]["outcome"] != "ok" or doc["console"]["trouble"]:
            _bad(guest, "error", doc["guest"]["line"] or doc["guest"]["outcome"],
                 "\n".join(doc["console"]["trouble"]))
        for sc in doc["scenarios"]:
            _scenario(suite, doc, sc)
        for word, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                          ("skipped", "skipped")):
            suite.set(word, str(sum(1 for _ in suite.iter(tag))))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"
