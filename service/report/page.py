"""The answer of an examination as one HTML page, everything inside: to be read, printed, or kept with the patient's
file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape

import cv2

from face.errors import PreprocessingError
from face.image.decode import decode_image
from face.image.limits import ImageLimits
from face.vocabulary import POSES, REGIONS
from service.api.schemas.assessment import AssessmentAnswer
from service.api.schemas.assessment_parts import AssessedPose, MeasureAnswer

_SHOWN_PX = 360
_WORDS = {
    "rest": "Rest", "brow_lift": "Brow lift", "gentle_closure": "Gentle closure", "tight_closure": "Tight closure",
    "closed_smile": "Closed smile", "full_smile": "Full smile", "snarl": "Snarl", "pucker": "Pucker",
    "forehead": "Forehead", "eye": "Eye", "nose": "Midface", "mouth": "Mouth", "cheek": "Cheek (fold)",
    "rest_symmetry": "Symmetry at rest", "movement_left": "Movement left", "eye_closure": "Tight closure",
    "synkinesis": "Synkinesis", "brow_excursion": "Brow excursion", "commissure_excursion": "Corner of the mouth",
    "fissure": "Opening of the eye", "closure": "Closure of the eye",
}  # fmt: skip
_OPENING_SHOWN = ("rest", "gentle_closure", "tight_closure")
_MEASURES = ("brow_excursion", "commissure_excursion", "fissure", "closure")

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem }
.grade { font-size: 2.4rem; font-weight: 600 } .warn { border-left: 4px solid #c4570f; padding: .2rem .7rem; margin:
.4rem 0 } table { border-collapse: collapse; width: 100% } th, td { border-bottom: 1px solid #d0d7de; padding: .2rem
.5rem; text-align: left } .n { text-align: right } td.n { white-space: nowrap; font-variant-numeric: tabular-nums }
small, figcaption { color: #57606a }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr));
gap: .7rem } figure { margin: 0; break-inside: avoid } .stack { position: relative } .stack img { width: 100%; display:
block } .stack img + img { position: absolute; inset: 0; height: 100% } .two { display: grid; grid-template-columns:
1fr 1fr; gap: 2rem }
@media print {
@page { size: A4; margin: 10mm } body { margin: 0; padding: 0; max-width: none; font-size: 10.5px; line-height: 1.3 }
h1 { font-size: 1.3rem } .grade { font-size: 1.8rem; margin: 0 } h2 { margin: .7rem 0 .2rem } p { margin: .3rem 0 }
th, td { padding: .05rem .4rem } .pictures { grid-template-columns: repeat(8, 1fr); gap: .4rem }
* { print-color-adjust: exact } }
"""


def report_page(answer: AssessmentAnswer, *, picture_of: Callable[[str], bytes]) -> str:
    """picture_of: the image file of a picture, by its `sent_as`."""
    parts = [
        _head(answer),
        *(f'<p class="warn">{escape(warning)}</p>' for warning in answer.warnings),
        "<h2>Movement by region</h2>" + _regions(answer),
        "<h2>How the rules decide</h2>" + _decision(answer),
        '<div class="two"><div><h2>Scales</h2>' + _scales(answer) + "</div><div><h2>Measures</h2>" + _measures(answer),
        "</div></div><h2>Pictures</h2>" + _pictures(answer, picture_of),
        _foot(answer),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Examination of the facial nerve</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _head(answer: AssessmentAnswer) -> str:
    side = answer.affected_side.side
    where = "No side named" if side == "none" else f"The patient's {side} side"
    if answer.grade is None:
        said = f'<p class="grade">no grade</p><p>{escape(answer.grade_missing or "")}</p>'
    else:
        grade = answer.grade
        said = (
            f'<p class="grade">House-Brackmann {grade.house_brackmann}</p><p>{where}. The grade has '
            f"probability {grade.probability:.2f}; the true grade is among <b>{', '.join(grade.prediction_set)}</b> in "
            f"{grade.coverage:.0%} of cases like those it was fitted on. By the rules below: "
            f"{answer.rule_grade or 'open'}.</p>"
        )
    return f"<h1>Examination of the facial nerve</h1>{said}<p>{escape(answer.evidence.sentence)}</p>"


def _regions(answer: AssessmentAnswer) -> str:
    rows = []
    for region in REGIONS:
        one = answer.regional_movement[region]
        share = "not seen" if one.share is None else f"{one.share:.0%}"
        interval = "" if one.interval is None else f"{one.interval[0]:.0%} – {one.interval[1]:.0%}"
        severity = "" if one.severity is None else f"{one.severity:.1f}"
        rows.append([_word(region), share, interval, severity, "" if one.fngs is None else str(one.fngs)])
    heads = ("Region", "Share of the other side", "95 % interval", "Severity 0–5 (network)", "FNGS 2.0")
    return _table(heads, rows, numbers_from=1)


def _decision(answer: AssessmentAnswer) -> str:
    rows = [
        [_word(step.step), f"{step.value:.2f}", f"{step.threshold:.2f}", step.result, " ".join(step.points_to)]
        for step in answer.decision_path
    ]
    return (
        _table(("Step", "Value", "Threshold", "Result", "Speaks for"), rows) if rows else "<p>No movement was seen.</p>"
    )


def _scales(answer: AssessmentAnswer) -> str:
    fngs, sunnybrook, points = answer.fngs2, answer.sunnybrook, answer.points
    low, high = sunnybrook.composite_range
    by = "" if answer.session_method.sha256 else " (raw landmarks)"
    rows = [
        [
            "FNGS 2.0",
            "not seen"
            if fngs is None
            else f"{fngs.total} ({fngs.grade})"
            if fngs.total is not None
            else f"{fngs.total_range[0]} – {fngs.total_range[1]}",
        ],
        ["Movement points of 8", "not seen" if points.points_8 is None else str(points.points_8)],
        ["Sunnybrook composite", f"{low} – {high}" if sunnybrook.composite is None else str(sunnybrook.composite)],
        *(
            [f"&nbsp;&nbsp;{_word(pose)}", _of(sunnybrook.voluntary[pose], 5)]
            for pose in POSES
            if pose in sunnybrook.voluntary
        ),
        *(
            [f"&nbsp;&nbsp;{_word(item)} at rest", word or "not measured"]
            for item, word in sunnybrook.rest_words.items()
        ),
        *(
            [f"Lagophthalmos, {_word(pose).lower()}", f"{mm:.1f} mm{by}"]
            for pose, mm in answer.lagophthalmos_mm.items()
        ),
    ]
    return _table(("", ""), rows, escaped=False)


def _measures(answer: AssessmentAnswer) -> str:
    rows = []
    for name in _MEASURES:
        for pose in POSES:
            sides = {one.side: one for one in answer.measures if (one.id, one.pose) == (name, pose)}
            if name == "fissure" and pose not in _OPENING_SHOWN:
                continue
            if "left" in sides and "right" in sides:
                rows.append([f"{_word(name)}, {_word(pose).lower()}", _value(sides["right"]), _value(sides["left"])])
    if not rows:
        return "<p>No scale: no picture shows both irises straight.</p>"
    scale = answer.scale
    source = (
        ""
        if scale is None
        else f"<small>Scale from {scale.source.replace('_', ' ')}, ± {2 * scale.relative_u:.0%}.</small>"
    )
    return _table(("", "right", "left"), rows, numbers_from=1) + source


def _pictures(answer: AssessmentAnswer, picture_of: Callable[[str], bytes]) -> str:
    named = [(_word(pose), answer.poses[pose]) for pose in POSES if pose in answer.poses]
    figures = [
        _figure(word, one, picture_of(one.sent_as)) for word, one in (*named, *(("", one) for one in answer.unsorted))
    ]
    return f'<div class="pictures">{"".join(figures)}</div>'


def _figure(word: str, one: AssessedPose, data: bytes) -> str:
    layers = [_image("image/jpeg", shown)] if (shown := _small_jpeg(data)) else []
    if layers and one.heatmap is not None:
        layers.append(f'<img alt="" src="data:image/png;base64,{one.heatmap.data}">')
    said = one.status.replace("_", " ") if one.problem is None else one.problem.detail
    alone = "" if one.grade is None else f"; alone it would be {one.grade.label}"
    return (
        f'<figure><div class="stack">{"".join(layers)}</div>'
        f"<figcaption><b>{escape(word or one.sent_as)}</b>: {escape(said)}{alone}</figcaption></figure>"
    )


def _small_jpeg(data: bytes) -> bytes | None:
    """None for a file that cannot be shown; the caption says why."""
    try:
        rgb = decode_image(data, limits=ImageLimits(), longer_side_px=_SHOWN_PX).rgb
    except PreprocessingError:
        return None
    scale = min(1.0, _SHOWN_PX / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def _image(media_type: str, data: bytes) -> str:
    return f'<img alt="" src="data:{media_type};base64,{base64.b64encode(data).decode("ascii")}">'


def _foot(answer: AssessmentAnswer) -> str:
    model, method = answer.model, answer.session_method
    return (
        f"<p><small>{escape(model.name)} {escape(model.version)}, {escape(method.name)} {escape(method.version)}. "
        f"{escape(model.intended_use)} Sides are the patient's. Colour on a picture: how far each point lies from the "
        "mirror image of its partner. This file holds the pictures: keep it as you keep them.</small></p>"
    )


def _value(measure: MeasureAnswer) -> str:
    if measure.unit == "1":
        return f"{measure.value:.0%} ± {2 * measure.u:.0%}"
    return f"{measure.value:.1f} ± {2 * measure.u:.1f} {measure.unit}"


def _of(value: int | None, most: int) -> str:
    return "not seen" if value is None else f"{value} of {most}"


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " ").capitalize())


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int | None = None, escaped: bool = True
) -> str:
    """escaped: False where the cells are this module's own words."""

    def cell(kind: str, number: int, text: str) -> str:
        right = ' class="n"' if numbers_from is not None and number >= numbers_from else ""
        return f"<{kind}{right}>{text}</{kind}>"

    head = "".join(cell("th", n, escape(text)) for n, text in enumerate(heads)) if any(heads) else ""
    lines = [[escape(text) if escaped else text for text in row] for row in rows]
    body = "".join(f"<tr>{''.join(cell('td', n, text) for n, text in enumerate(line))}</tr>" for line in lines)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
