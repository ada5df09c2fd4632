"""Makes the transcripts of scenarios with wasmtime in Python: COMPONENT SCENARIOS TRANSCRIPTS.

README.md describes both. What types values have is asked of the component.
"""
import hashlib
import json
import sys
from itertools import count
from pathlib import Path

from wasmtime import Engine, Store
from wasmtime.component import (
    S64,
    U64,
    Component,
    Linker,
    ListType,
    OptionType,
    Record,
    RecordType,
    ResultType,
    TupleType,
    Variant,
)

OUTCOME_BYTES_MAX = 64 * 1024
SOURCE = "polling-source:contract/source@0.2.0"


def main(component, scenarios, transcripts):
    engine = Engine()
    component = Component.from_file(engine, component)
    for path in sorted(Path(scenarios).rglob("*.json")):
        calls = json.loads(path.read_text("utf-8"))["calls"]
        written = Path(transcripts) / path.relative_to(scenarios)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(compact(transcript(engine, component, calls)), "utf-8")


def transcript(engine, component, calls):
    """What comes of a scenario."""
    world = World()
    store = Store(engine)
    instance = world.linker(engine).instantiate(store, component)
    source = component.get_export_index(SOURCE)
    cursors, made = [], []
    for call in calls:
        world.enter(call)
        function = instance.get_func(store, component.get_export_index(call["function"], source))
        value = function(store, *arguments(call, cursors))
        outcome = shown(function.type(store).result, value)
        ok = outcome.get("ok")
        cursors.append(ok.get("cursor") if isinstance(ok, dict) else None)
        whole = compact(outcome).encode()
        if len(whole) > OUTCOME_BYTES_MAX:
            outcome = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
        made.append({"outcome": outcome, "requests": world.requests})
    return made


def arguments(call, cursors):
    if call["function"] == "describe":
        return []
    if call["function"] == "explain-cursor":
        return [cursor_of(call, cursors)]
    config = call["config"]
    config = config if isinstance(config, str) else compact(config)
    if call["function"] != "poll":
        return [config]
    return [config, cursor_of(call, cursors)]


def cursor_of(call, cursors):
    cursor = call.get("cursor")
    if isinstance(cursor, dict) and "of_call" in cursor:
        return cursors[cursor["of_call"]]
    return None if cursor is None else long_text(cursor)


class World:
    """What an instance sees during a call."""

    def enter(self, call):
        self.call, self.requests = call, []
        self.read, self.drawn = count(), count()

    def linker(self, engine):
        linker = Linker(engine)
        for interface, name, function in [
            ("polling-source:contract/http@0.2.0", "send", self.send),
            ("wasi:clocks/wall-clock@0.2.12", "now", self.now),
            ("wasi:random/random@0.2.12", "get-random-bytes", self.get_random_bytes),
        ]:
            with linker.root() as root, root.add_instance(interface) as instance:
                instance.add_func(name, function)
        return linker

    def moment(self, number):
        moments = self.call["moments"]
        return moments[min(number, len(moments) - 1)]

    def now(self, _store):
        seconds, millis = divmod(self.moment(next(self.read))["clock_ms"], 1000)
        return record(seconds=seconds, nanoseconds=millis * 1_000_000)

    def get_random_bytes(self, _store, length):
        random = bytes.fromhex(self.moment(next(self.drawn))["random"])
        return (random * (length // len(random) + 1))[:length]

    # A result whose two sides cannot be mistaken is handed over without a tag.
    def send(self, _store, request):
        reply = self.call["exchanges"][len(self.requests)]["reply"]
        self.requests.append({
            "body": request.body.decode(),
            "headers": [[header.name, header.value] for header in request.headers],
            "method": request.method,
            "timeout-ms": getattr(request, "timeout-ms"),
            "url": request.url,
        })
        if "error" in reply:
            return Variant(*reply["error"])
        body = reply["body"]
        is_hex = isinstance(body, dict) and "hex" in body
        body = bytes.fromhex(body["hex"]) if is_hex else long_text(body).encode()
        headers = [record(name=name, value=value) for name, value in reply["headers"]]
        return record(status=reply["status"], headers=headers, body=body)


def record(**members):
    made = Record()
    made.__dict__.update(members)
    return made


def long_text(text):
    if isinstance(text, str):
        return text
    each = (text["each"].replace("{n}", f"{n:08}") for n in range(text["count"]))
    return text["before"] + text["between"].join(each) + text["after"]


def shown(kind, value):
    """A value of this type as it stands in a transcript."""
    match kind:
        case U64() | S64():
            return str(value)
        case OptionType():
            return None if value is None else shown(kind.payload, value)
        case ListType():
            return [shown(kind.element, element) for element in value]
        case TupleType():
            return [shown(*member) for member in zip(kind.elements, value)]
        case RecordType():
            return {name: shown(field, getattr(value, name)) for name, field in kind.fields}
        case ResultType() if isinstance(value, Variant):
            is_ok = value.tag == "ok"
            name, kind = ("ok", kind.ok) if is_ok else ("error", kind.err)
            return {name: shown(kind, value.payload)}
        case ResultType():  # likewise, of `validate` and `explain-cursor`
            if value is None:
                return {"ok": None}
            is_ok = isinstance(kind.ok, ListType) and isinstance(value, list)
            name, kind = ("ok", kind.ok) if is_ok else ("error", kind.err)
            return {name: shown(kind, value)}
        case _:
            return value


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
