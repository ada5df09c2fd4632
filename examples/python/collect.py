"""Collects from a polling source: its events to stdout as NDJSON, its cursor into a file."""
# A whole host of the contract in wit/source.wit; README.md says how it is run, and what it lacks.
import contextlib, gzip, io, json, os, queue, random, re, secrets, select, signal, stat, sys, time, zlib
from pathlib import Path
from urllib3 import HTTPHeaderDict, PoolManager, connection, exceptions as http, util
from wasmtime import Config, Engine, Store
from wasmtime.component import Component, Linker, Record, Variant

CURSOR_BYTES_MAX, MEMORY_BYTES_MAX = 2 << 20, 64 << 20
INSTRUCTIONS_MAX = 10**10  # of a call: seconds of computing; waiting for a response is free
BODY_BYTES_MAX = 4 << 20  # of a response; each byte takes 85 on its way through this binding
LINE_BYTES_MAX = 4096  # of stderr: a pipe that is ready takes as much at once
FAILURES = {http.NameResolutionError: "dns", http.NewConnectionError: "connect",
    http.ConnectTimeoutError: "connect", http.SSLError: "tls", http.ReadTimeoutError: "timeout"}
POOL = PoolManager(retries=False)
Expired = type("Expired", (BaseException,), {})  # an OSError would send urllib3 to another address
Made = type("Made", (Record,), {"__init__": lambda self, **fields: vars(self).update(fields)})

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
    cursor, stop, errors, secs, done = read_cursor(cursor_file), queue.SimpleQueue(), 0, 0, False
    for number in (signal.SIGINT, signal.SIGTERM):  # the second one does not wait for the poll
        signal.signal(number, lambda number, _: stop.put(number) if stop.empty() else os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that goes away ends nothing
    signal.signal(signal.SIGALRM, expire)
    while not done:
        with contextlib.suppress(queue.Empty):  # (an Event could lock up in a signal's handler)
            return stop.get(timeout=secs)
        try:
            found = call("poll", config, cursor).payload  # a batch, or a poll-error
        except Exception as trap:
            call = new_instance()  # in what state the old one is, nobody knows
            reason = str(trap).split("Caused by:")[-1].strip()  # without wasmtime's backtrace
            found = Made(kind="protocol", code="trap", message=reason, notices=[])
        tell(*(f"{each.level} {each.code}: {each.message}" for each in found.notices))
        if hasattr(found, "cursor"):
            deliver(found, cursor_file, cursor)
            cursor, errors, done = found.cursor, 0, until_caught_up and not found.more
            secs = max(min(getattr(found, "next-poll-ms") / 1000, 86400), 0 if found.more else 1)
        else:
            tell(f"{found.kind} error {found.code}: {found.message}")
            errors += 1
            if until_caught_up and (errors == 10 or found.kind in ("auth", "config", "cursor")):
                end(1)
            secs = 2 ** min(errors, 12) / 4 * random.uniform(0.8, 1.2)
            secs = min(secs, 60 if found.kind == "transient" else 900)
            secs = max(secs, min((getattr(found, "retry-after-ms", 0) or 0) / 1000, 900))

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

def deliver(batch, cursor_file, last):
    """Events first, then the cursor takes its place: a crash repeats a page, and loses nothing."""
    if not 0 < (length := len(batch.cursor.encode())) <= CURSOR_BYTES_MAX:
        end(1, f"the component gave a cursor of {length} bytes: 1 to {CURSOR_BYTES_MAX} are allowed")
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
        ("pipeline:source/http@0.1.0", "send", lambda _, request: send(request, allow)),
        ("wasi:clocks/wall-clock@0.2.12", "now", now),
        ("wasi:random/random@0.2.12", "get-random-bytes", lambda _, count: os.urandom(count)),
        ("wasi:random/random@0.2.12", "get-random-u64", lambda _: secrets.randbits(64)),
    ):
        with linker.root() as root, root.add_instance(interface) as provided:
            provided.add_func(name, function)
    instance = linker.instantiate(store, component)
    exports = component.get_export_index("pipeline:source/source@0.1.0")
    def call(name, *args):
        store.set_fuel(INSTRUCTIONS_MAX)
        return instance.get_func(store, component.get_export_index(name, exports))(store, *args)
    return call

def send(request, allow):
    """One exchange with an allowed origin: no redirect, no second try, no proxy."""
    url, names = util.parse_url(request.url), {header.name.lower() for header in request.headers}
    if f"{url.scheme}://{url.netloc}" not in allow or "host" in names:
        return Variant("denied", f"{url.scheme}://{url.netloc} is not in `allow`, or `Host` is set")
    if request.method.upper() in ("CONNECT", "TRACE", "TRACK"):  # would tell what others have added
        return Variant("denied", f"the method {request.method} is not one that may be used")
    secs = min(getattr(request, "timeout-ms") or 30_000, 30_000) / 1000
    headers = [("accept-encoding", "gzip"), *((each.name, each.value) for each in request.headers)]
    body = b""
    try:
        signal.setitimer(signal.ITIMER_REAL, secs, 1)  # for all of the exchange, however it dawdles
        with POOL.request(request.method, request.url, headers=HTTPHeaderDict(headers),
                          body=request.body or None, redirect=False, preload_content=False) as reply:
            while len(body) <= BODY_BYTES_MAX and (piece := reply.read1(64 << 10, False)):
                body += piece
        coding = reply.headers.get("content-encoding", "").lower()
        if coding in ("gzip", "x-gzip") and 0 < len(body) <= BODY_BYTES_MAX:
            body = gzip.open(io.BytesIO(body)).read(BODY_BYTES_MAX + 1)  # urllib3 takes cut ones
    except Expired:
        return Variant("timeout", f"{url.netloc}: no whole response within {secs} s")
    except (http.HTTPError, OSError, EOFError, ValueError, zlib.error) as error:
        # Told by name: its text may repeat a header.
        return Variant(FAILURES.get(type(error), "other"), f"{url.netloc}: {type(error).__name__}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if len(body) > BODY_BYTES_MAX:
        return Variant("too-large", f"more than {BODY_BYTES_MAX} bytes")
    headers = [Made(name=name, value=value) for name, value in reply.headers.items()]
    return Made(status=reply.status, headers=headers, body=body)

def expire(number, frame):
    raise Expired

class Response(connection.HTTPConnection.response_class):
    """Passes over every interim answer, as Python's own does over 100 alone."""
    def _read_status(self):
        version, status, reason = super()._read_status()
        return version, 100 if 102 <= status < 200 else status, reason

connection.HTTPConnection.response_class = Response

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
