"""Collects from a polling source: its events to stdout as NDJSON, its cursor into a file."""
# With exchange.py a whole host of the contract in wit/source.wit, whose bounds it checks; README.md
# says how it is run, and what it lacks.
import contextlib, json, os, queue, random, re, secrets, select, signal, stat, sys, time
from pathlib import Path
from wasmtime import Config, Engine, Store
from wasmtime.component import Component, Linker
from exchange import Made, send

CURSOR_BYTES_MAX, EVENTS_MAX, BODIES_BYTES_MAX, ID_BYTES_MAX = 1_000_000, 10_000, 16 << 20, 4096
KIND, LINE = re.compile(r"[a-z][a-z0-9._-]{0,127}"), re.compile(r"\{[^\r\n]*\}")
NOTICES_MAX, COUNTERS_MAX = 100, 64
MEMORY_BYTES_MAX = 64 << 20
INSTRUCTIONS_MAX = 10**10  # of a call: seconds of computing; waiting for a response is free
FAILURES_MAX, PATIENCE_SECS = 10, 86400  # without a batch, if told to catch up
LINE_BYTES_MAX = 4096  # of stderr: a pipe that is ready takes as much at once

def main(path="", *flags):
    while (spare := os.open(os.devnull, os.O_RDWR)) < 3:
        pass  # what was closed is not to become a file or a connection of this program
    if os.fstat(1).st_rdev == os.fstat(spare).st_rdev:
        end(2, "stdout is closed or /dev/null: events would be lost; give it a file or a pipe")
    if not path or flags not in ((), ("--until-caught-up",)):
        end(2, "usage: collect.py CONFIG [--until-caught-up]")
    try:
        from_environment = lambda name: json.dumps(os.environ[name[1]])[1:-1]
        text = re.sub(r"\$\{(\w+)\}", from_environment, Path(path).read_text("utf-8"))
        settings = json.loads(text)
        if set(settings) != {"component", "allow", "cursor", "config"}:
            raise ValueError("it takes component, allow, cursor and config, and nothing else")
        os.chdir(os.path.dirname(path) or ".")  # relative paths start at the file's folder
        config, allow = json.dumps(settings["config"]), set(settings["allow"])
        new_instance = lambda: instantiate(settings["component"], allow)
        faults = (call := new_instance())("validate", config) or []
    except KeyError as name:
        end(2, f"{path}: {name} is not set in the environment: set it")
    except Exception as error:
        end(2, f"{path}: {error}; README.md shows what is wanted")
    if faults:
        end(2, *(f"config.{fault.path}: {fault.message}; {fault.remedy}" for fault in faults))
    collect(call, new_instance, config, settings["cursor"], until_caught_up=bool(flags))

def collect(call, new_instance, config, cursor_file, until_caught_up):
    """The loop: poll, deliver, wait as told."""
    cursor, stop, secs, done = read_cursor(cursor_file), queue.SimpleQueue(), 0, False
    errors, failures, waited = 0, 0, 0  # since the last batch; to be told to wait is no failure
    for number in (signal.SIGINT, signal.SIGTERM):  # the second one does not wait for the poll
        signal.signal(number, lambda number, _: stop.put(number) if stop.empty() else os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that goes away ends nothing
    while not done:
        with contextlib.suppress(queue.Empty):  # (an Event could lock up in a signal's handler)
            return stop.get(timeout=secs)
        try:
            found = call("poll", config, cursor).payload  # a batch, or a poll-error
            if hasattr(found, "cursor"):
                check(found)
        except Exception as trap:
            call = new_instance()  # in what state the old one is, nobody knows
            reason = str(trap).split("Caused by:")[-1].strip()  # without wasmtime's backtrace
            found = Made(kind="protocol", code="component_failed", message=reason, notices=[])
        tell(*(f"{each.level} {each.code}: {each.message}" for each in found.notices))
        if hasattr(found, "cursor"):
            deliver(found, cursor_file, cursor)
            cursor, done = found.cursor, until_caught_up and not found.more
            errors, failures, waited = 0, 0, 0
            secs = max(min(getattr(found, "next-poll-ms") / 1000, 86400), 0 if found.more else 1)
        else:
            is_failure = found.kind != "throttled"
            tell(f"{found.kind} {'error' if is_failure else 'info'} {found.code}: {found.message}")
            errors, failures = errors + 1, failures + is_failure
            secs = 2 ** min(errors, 12) / 4 * random.uniform(0.8, 1.2)
            secs = min(secs, 60 if found.kind in ("transient", "throttled") else 900)
            secs = max(secs, min((getattr(found, "retry-after-ms", 0) or 0) / 1000, 900))
            waited += secs
            is_hopeless = found.kind in ("auth", "config", "cursor") or failures == FAILURES_MAX
            if until_caught_up and (is_hopeless or waited >= PATIENCE_SECS):
                end(1)

def read_cursor(path):
    """None before the very first poll. What is there but unreadable is never begun anew."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):  # a link would be replaced, and a pipe waited for
            raise ValueError("it is no regular file")
        if not 0 < found.st_size <= CURSOR_BYTES_MAX:
            raise ValueError("it is too large" if found.st_size else "it is empty")
        return Path(path).read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        end(1, f"{path}: {error}; put a good copy back, or remove it to begin anew at `start`")

def check(batch):
    """What is not within the contract's bounds is an error, and nothing of it is delivered."""
    size = lambda text: len(text.encode())
    bodies = [size(event.body) for event in batch.events]
    if not 0 < size(batch.cursor) <= CURSOR_BYTES_MAX:
        raise ValueError(f"the cursor is not of 1 to {CURSOR_BYTES_MAX} bytes")
    if len(bodies) > EVENTS_MAX or len(bodies) > 1 and sum(bodies) > BODIES_BYTES_MAX:
        raise ValueError(f"more than {EVENTS_MAX} events, or {BODIES_BYTES_MAX} bytes of several")
    if len(batch.notices) > NOTICES_MAX or len(batch.stats.counters) > COUNTERS_MAX:
        raise ValueError(f"more than {NOTICES_MAX} notices, or {COUNTERS_MAX} counters")
    for event in batch.events:
        if not 0 < size(event.id) <= ID_BYTES_MAX:
            raise ValueError(f"the id of an event is not of 1 to {ID_BYTES_MAX} bytes")
        if not KIND.fullmatch(event.kind):
            raise ValueError("an event has no kind of the contract")
        if not is_object(event.body):
            raise ValueError("an event is no object on one line")

def is_object(body):
    """Whether it is, on one line. `int` raises for NaN, and `str` does not for a long number."""
    with contextlib.suppress(ValueError):
        json.loads(body, parse_constant=int, parse_int=str)
        return LINE.fullmatch(body)

def deliver(batch, cursor_file, last):
    """Events first, then the cursor takes its place: a crash repeats a page, and loses nothing."""
    if read_cursor(cursor_file) != last:
        end(1, f"{cursor_file}: it was changed meanwhile; run one collector for each cursor file")
    try:
        cut = os.path.lexists(f"{cursor_file}.new")  # a batch was going out: end its last line
        opener = lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        with open(f"{cursor_file}.new", "wb", opener=opener) as file:
            file.write(batch.cursor.encode())
            file.flush()
            os.fsync(file.fileno())
        write(("\n" * cut + "".join(event.body + "\n" for event in batch.events)).encode())
        os.replace(file.name, cursor_file)
        os.fsync(folder := os.open(os.path.dirname(cursor_file) or ".", os.O_RDONLY))
        os.close(folder)  # without the sync a power cut could undo the replacement
    except OSError as error:
        end(1, f"a batch cannot be stored, and will come again: {error}")

def write(lines):
    """All of them, or an error. What others share of a pipe they may have made non-blocking."""
    lines = memoryview(lines)
    while lines:
        try:
            lines = lines[os.write(1, lines):]
        except BlockingIOError:
            select.select([], [1], [])

def instantiate(path, allow):
    """A new instance of the component: it reaches `send`, the clock, random bytes, nothing else."""
    config = Config()
    config.consume_fuel = True
    engine = Engine(config)
    store, linker, component = Store(engine), Linker(engine), Component.from_file(engine, path)
    store.set_limits(memory_size=MEMORY_BYTES_MAX)
    store.set_fuel(INSTRUCTIONS_MAX)
    now = lambda _: Made(**dict(zip(("seconds", "nanoseconds"), divmod(time.time_ns(), 10**9))))
    for interface, name, function in (
        ("polling-source:contract/http@0.2.0", "send", lambda _, request: send(request, allow)),
        ("wasi:clocks/wall-clock@0.2.12", "now", now),
        ("wasi:random/random@0.2.12", "get-random-bytes", lambda _, count: os.urandom(count)),
        ("wasi:random/random@0.2.12", "get-random-u64", lambda _: secrets.randbits(64)),
    ):
        with linker.root() as root, root.add_instance(interface) as provided:
            provided.add_func(name, function)
    instance = linker.instantiate(store, component)
    exports = component.get_export_index("polling-source:contract/source@0.2.0")
    def call(name, *args):
        store.set_fuel(INSTRUCTIONS_MAX)
        return instance.get_func(store, component.get_export_index(name, exports))(store, *args)
    return call

def tell(*lines):
    """As far as there is room: where nobody reads stderr, events go on."""
    for line in lines:
        text = "".join(c if c.isprintable() else " " for c in line).encode()
        with contextlib.suppress(OSError):
            if select.select([], [2], [], 0)[1]:
                os.write(2, text[:LINE_BYTES_MAX - 1] + b"\n")

def end(code, *lines):
    tell(*lines)
    os._exit(code)  # not sys.exit, which would write again to a stdout that is gone

if __name__ == "__main__":
    main(*sys.argv[1:])
