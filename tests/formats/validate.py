"""Judges OCSF detection findings by the models of the library py-ocsf-models.

    validate.py FOLDER_OR_FILE...

A folder holds rows with their events in all formats, as `golden/` does; a file holds a finding on each
of its lines. Whoever wrote the models had not seen the formats: they are another reading of the
schema. `cargo xtask test ocsf` runs this.
"""

import importlib.metadata
import json
import pathlib
import sys

from py_ocsf_models.events.findings.category_uid import CategoryUID
from py_ocsf_models.events.findings.class_uid import ClassUID
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from py_ocsf_models.events.findings.disposition_id import DispositionID
from py_ocsf_models.objects.policy import Policy
from pydantic import ValidationError

LIBRARY = "py-ocsf-models"
FORMAT = "ocsf_detection_finding"

# Where the models are not what the schema is. The checker of the Rust tests knows these places.
# Attributes that they do not have: those of the profile security_control, and some of evidences.
NOT_THERE = {
    "action",
    "action_id",
    "disposition",
    "disposition_id",
    "is_alert",
    "policy",
    "evidences.email",
    "evidences.src_endpoint",
}
# Attributes that they require, and the schema recommends.
NOT_REQUIRED = {"finding_info.title", "finding_info.analytic.uid"}

DISPOSITIONS = {
    "hold": "Quarantined",
    "bounce": "Rejected",
    "delete": "Deleted",
    "remove_email": "Deleted",
}
FAULTS_SHOWN = 20


class Fault(Exception):
    """What is wrong with an event."""


def demand(holds, fault):
    if not holds:
        raise Fault(fault)


def known(error):
    """The place of an error, if it is where the models differ from the schema."""
    place = ".".join(part for part in error["loc"] if isinstance(part, str))
    kind = error["type"]
    is_known = (kind == "extra_forbidden" and place in NOT_THERE) or (
        kind == "missing" and place in NOT_REQUIRED
    )
    return place if is_known else None


def model_of(kind, value):
    """A model of a value, as strict as models can be."""
    return kind.model_validate_json(json.dumps(value), strict=True, extra="forbid")


def as_the_models_are(event):
    """An event without what they do not have, and with what they require; what was taken out."""
    taken = {name: event.pop(name) for name in list(event) if name in NOT_THERE}
    for evidence in event.get("evidences", []):
        for name in [name for name in evidence if f"evidences.{name}" in NOT_THERE]:
            del evidence[name]
    finding = event["finding_info"]
    finding.setdefault("title", "none")
    if "analytic" in finding:
        finding["analytic"].setdefault("uid", "none")
    return event, taken


def disposition(given):
    """The name of the disposition that a row's action leads to."""
    if given["action"] == "none":
        return "Detected" if given.get("taggedMalicious") is True else "NoAction"
    return DISPOSITIONS.get(given["action"], "Other")


def judge(text, met):
    """Raises what is wrong with an event. The places of known differences are added to `met`."""
    event = json.loads(text)
    given = event.pop("unmapped", {})
    demand(isinstance(given, dict), "unmapped is no object")
    try:
        model_of(DetectionFinding, event)
    except ValidationError as error:
        places = {known(one): one for one in error.errors()}
        demand(None not in places, f"{places.get(None)}")
        met.update(places)

    event, taken = as_the_models_are(event)
    model = model_of(DetectionFinding, event)
    again = model.model_dump(mode="json", exclude_unset=True)
    demand(again == event, f"the models read it as {again}")
    demand(CategoryUID(model.category_uid).name == "Findings", "category_uid")
    demand(ClassUID(model.class_uid).name == "DetectionFinding", "class_uid")
    demand(model.activity_id.name == model.type_uid.name == "Create", "activity_id, type_uid")
    hits, is_malicious = given.get("hits"), given.get("taggedMalicious") is True
    severity = "High" if is_malicious else "Medium" if type(hits) is int and hits > 1 else "Low"
    demand(model.severity_id.name == severity, f"severity_id is {model.severity_id.name}")
    demand(("disposition_id" in taken) == isinstance(given.get("action"), str), "disposition_id")
    if "disposition_id" in taken:
        name = DispositionID(taken["disposition_id"]).name
        demand(name == disposition(given), f"{given['action']} has the disposition {name}")
    if "policy" in taken:
        model_of(Policy, taken["policy"])


def events(path):
    """The findings of a folder or a file, each with where it stands."""
    if path.is_dir():
        for file in sorted(path.glob("*.json")):
            for name, event in json.loads(file.read_text(encoding="utf-8")).items():
                if name in (FORMAT, FORMAT + "_with_original"):
                    yield f"{file}: {name}", json.dumps(event)
    else:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield f"{path}:{number}", line


def main(paths):
    faults, met, counts = [] if paths else ["no folder or file is given"], set(), []
    for path in paths:
        count = 0
        for place, text in events(pathlib.Path(path)):
            count += 1
            try:
                judge(text, met)
            except (Fault, ValidationError, ValueError, KeyError, TypeError) as fault:
                faults.append(f"{place}: {type(fault).__name__}: {fault}")
        counts.append(count)
        if count == 0:
            faults.append(f"{path}: it has no event")
    if not faults:
        unmet = sorted((NOT_THERE | NOT_REQUIRED) - met)
        faults += [f"{place}: the models have it by now: take it out here" for place in unmet]
    if faults:
        shown = faults[:FAULTS_SHOWN]
        print("\n".join(shown), file=sys.stderr)
        sys.exit(f"{len(faults)} fault(s) in {sum(counts)} detection findings")
    each = " + ".join(map(str, counts))
    version = importlib.metadata.version(LIBRARY)
    print(f"{sum(counts)} detection findings ({each}) pass the models of {LIBRARY} {version}")


if __name__ == "__main__":
    main(sys.argv[1:])
