"""The report as JUnit XML, which pipelines show as tests: one for each codebook, failed where it is severe."""

from typing import Any
from xml.etree import ElementTree

FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535, *range(55296, 57344)), "�")
"""What XML 1.0 cannot hold, even escaped."""


def junit_report(values: dict[str, Any]) -> str:
    """The report that `values`, those of `--json`, would give."""
    parts = values.get("codebooks") or values.get("levels") or []
    failed = sum(one["severity"] == "severe" for one in parts)
    skipped = sum(one["severity"] == "unknown" for one in parts)
    suite = ElementTree.Element(
        "testsuite",
        name="vqscope doctor",
        tests=str(len(parts)),
        failures=str(failed),
        skipped=str(skipped),
        errors="0",
        time="0",
    )
    for number, one in enumerate(parts, start=1):
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_clean(values["file"]),
            name=_clean(one.get("name") or f"level {number}"),
            time="0",
        )
        _outcome(case, one["findings"])
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _outcome(case: ElementTree.Element, findings: list[dict[str, Any]]) -> None:
    first, text = findings[0], _clean("\n\n".join(map(_lines, findings)))
    tag = {"severe": "failure", "unknown": "skipped"}.get(first["severity"])
    if tag is None:
        ElementTree.SubElement(case, "system-out").text = text
        return
    told = ElementTree.SubElement(case, tag, message=_clean(first["title"]))
    told.text = text
    if tag == "failure":
        told.set("type", first["condition"])


def _lines(finding: dict[str, Any]) -> str:
    numbers = [f"  {one['name']}: {one['text']}" for one in finding["numbers"]]
    return "\n".join([f"{finding['severity'].upper()} {finding['condition']}: {finding['title']}", *numbers])


def _clean(text: str) -> str:
    return text.translate(FORBIDDEN)
