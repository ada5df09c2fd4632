"""Makes the source's HTTP exchanges: what the contract and `allow` let out, once."""
import gzip, io, re, signal, zlib
from http import client
from urllib3 import HTTPHeaderDict, PoolManager, connection, exceptions as http, util
from wasmtime.component import Record, Variant

BODY_BYTES_MAX = 4 << 20  # of a response; each byte takes 85 on its way through this binding
HEADERS_MAX, HEADER_BYTES_MAX = 256, 64 << 10  # of a response
METHOD = re.compile(r"(?!(CONNECT|TRACE|TRACK)$)[A-Z]+")  # these would tell what others have added
TRANSPORT = re.compile(
    "accept-encoding|connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding"
    "|upgrade|proxy-.*", re.IGNORECASE)
TooLarge = type("TooLarge", (http.HTTPError,), {})  # urllib3 passes it on as it is
FAILURES = {http.NameResolutionError: "dns", http.NewConnectionError: "connect",
    http.ConnectTimeoutError: "connect", http.SSLError: "tls", http.ReadTimeoutError: "timeout",
    TooLarge: "too-large"}
POOL = PoolManager(retries=False)
Expired = type("Expired", (BaseException,), {})  # an OSError would send urllib3 to another address
Made = type("Made", (Record,), {"__init__": lambda self, **fields: vars(self).update(fields)})

def send(request, allow):
    """One exchange with an allowed origin: no redirect, no second try, no proxy."""
    try:
        url = util.parse_url(request.url)
    except ValueError:  # urllib3's own is one, and repeats the URL
        return Variant("denied", "what is no URL")
    if why := refusal(request, url, allow):
        return Variant("denied", why)
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
    pairs = list(reply.headers.items())
    if len(pairs) > HEADERS_MAX or sum(map(len, sum(pairs, ()))) > HEADER_BYTES_MAX:
        return Variant("too-large", f"more than {HEADERS_MAX} headers, or {HEADER_BYTES_MAX} bytes")
    text = lambda value: value.encode("latin-1").decode(errors="replace")  # each byte was a letter
    headers = [Made(name=name, value=text(value)) for name, value in pairs]
    return Made(status=reply.status, headers=headers, body=body)

def refusal(request, url, allow):
    """Why a request may not be sent, if so."""
    size = sum(len(each.name) + len(each.value.encode()) for each in request.headers)
    origin = f"{url.scheme}://{url.netloc}"
    if origin not in allow or url.auth:  # user names are not sent, and mislead who reads the URL
        return f"{origin} is not in `allow`"
    if not METHOD.fullmatch(request.method):
        return f"the method {request.method} is not one that may be used"
    if any(TRANSPORT.fullmatch(each.name) for each in request.headers):
        return "a header belongs to the transport: leave it to the host"
    if len(request.headers) > 64 or size > 64 << 10:
        return "more than 64 headers, or 64 KiB of them"
    if len(request.url) > 16 << 10 or len(request.body) > 4 << 20:
        return "a URL of more than 16 KiB, or a body of more than 4 MiB"

def read_headers(fp, *args):
    """Python's own tells too many as any other fault, and takes an end within for the empty line."""
    try:
        lines = pythons_own(fp, *args)
    except client.HTTPException as error:
        raise TooLarge from error
    if lines[-1] == b"":
        raise client.RemoteDisconnected("closed within the head")
    return lines

def expire(number, frame):
    raise Expired

class Response(connection.HTTPConnection.response_class):
    """Passes over every interim answer, as Python's own does over 100 alone."""
    def _read_status(self):
        version, status, reason = super()._read_status()
        return version, 100 if 102 <= status < 200 else status, reason

connection.HTTPConnection.response_class = Response
pythons_own, client._read_headers = client._read_headers, read_headers
client._MAXHEADERS = 4 * HEADERS_MAX  # Python's own is less than a source may count on
signal.signal(signal.SIGALRM, expire)
