"""What `--json` prints, as a JSON Schema (draft 2020-12): `--schema` prints that."""

from typing import Any, get_args

from vqcore.checkpoints.contents import Confidence
from vqcore.diagnostics.finding import Condition, Severity
from vqcore.doctor.json_report import SCHEMA

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
YES: dict[str, Any] = {"type": "boolean"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
SEVERITY: dict[str, Any] = {"enum": list(get_args(Severity))}


def _or_null(of: dict[str, Any], about: str = "") -> dict[str, Any]:
    return {"anyOf": [of, {"type": "null"}]} | ({"description": about} if about else {})


def _said(of: dict[str, Any], about: str) -> dict[str, Any]:
    return of | {"description": about}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Other names may be added without a new number, so they are allowed."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


FINDING = _object(
    {
        "condition": {"enum": list(get_args(Condition))},
        "severity": SEVERITY,
        "title": _said(TEXT, "One sentence with the numbers that matter most."),
        "numbers": _list(
            _object(
                {"name": TEXT, "value": _or_null(NUMBER, "Null for what is not finite."), "text": TEXT, "limit": TEXT}
            )
        ),
        "cause": TEXT,
        "remedies": _list(_object({"what": TEXT, "ours": TEXTS, "vqtorch": TEXT, "vector_quantize_pytorch": TEXT})),
        "source": TEXT,
    }
)

USAGE = _or_null(
    _object(
        {
            "num_codes": WHOLE,
            "used": WHOLE,
            "perplexity": NUMBER,
            "entropy_share": _or_null(NUMBER, "Entropy over log K."),
            "num_vectors": _or_null(NUMBER, "N; null if it is not known."),
            "window": _said(TEXT, "What counts as used."),
        }
    ),
    "Null if nothing counts it.",
)

CODEBOOK = _object(
    {
        "name": _said(TEXT, "Its key in the file."),
        "layout": TEXT,
        "confidence": {"enum": list(get_args(Confidence))},
        "evidence": TEXTS,
        "against": TEXTS,
        "num_codes": WHOLE,
        "dim": WHOLE,
        "axis": TEXT,
        "axis_certain": YES,
        "dtype": TEXT,
        "copy": _said(TEXT, "`main`, or what kind of average it is of."),
        "structure": TEXT,
        "level": _or_null(WHOLE),
        "group": _or_null(WHOLE),
        "vectors": _object({"status": TEXT, "formula": TEXT, "search": TEXT}),
        "usage": USAGE,
        "relative_error": _or_null(NUMBER, "‖z_e − z_q‖² over the variance of z_e; null without latents."),
        "severity": _said(SEVERITY, "Of the first finding."),
        "findings": _said(_list(FINDING), "The first is the verdict."),
        "read": _said(TEXTS, "What was read, with caveats."),
    }
)

LEVEL = _object(
    {
        "level": _or_null(WHOLE),
        "num_codes": WHOLE,
        "usage": USAGE,
        "severity": SEVERITY,
        "findings": _list(FINDING),
    }
)

OUTCOME = _object(
    {
        "error": NUMBER,
        "error_margin": _or_null(NUMBER, "Half the width of a 95% interval."),
        "relative_error": _or_null(NUMBER),
        "codebooks": _list(_object({"num_codes": WHOLE, "active": WHOLE, "perplexity": NUMBER, "error": NUMBER})),
    }
)

DOCUMENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Report of `vqscope doctor --json`",
    "description": "The number in `schema` changes when a field goes or changes its meaning; fields may be added "
    "without. `codebooks` is there for a checkpoint, `levels` for codes without one.",
} | _object(
    {
        "schema": {"const": SCHEMA},
        "file": TEXT,
        "severe": _said(YES, "Whether any finding is severe: then the exit code is 1."),
        "verdict": TEXT,
        "codebooks": _list(CODEBOOK),
        "levels": _list(LEVEL),
        "no_code_vectors": _list({"type": "object"}),
        "series": _said({"type": "object"}, "Of a folder: its checkpoints in order, and what was skipped."),
        "what_if": _object(
            {
                "before": OUTCOME,
                "after": {"type": "object", "additionalProperties": OUTCOME},
                "unsuited": {"type": "object", "additionalProperties": TEXT},
                "num_fit": WHOLE,
                "num_held_out": WHOLE,
                "num_vectors": WHOLE,
            }
        ),
        "repair": _object({"path": TEXT, "remedy": TEXT, "moved_codes": _list(WHOLE), "left": TEXTS}),
    },
    optional=("codebooks", "levels", "no_code_vectors", "series", "what_if", "repair"),
)
