"""What the component costs in Python, as one line. A canned reply stands for the API."""
import json, sys, time
from pathlib import Path
import collect

SECS = 3
COMPONENT = Path(__file__).resolve().parents[2] / "target/component/mimecast-ttp-source.wasm"
PAGE = (b'{"meta":{"status":200,"pagination":{"pageSize":500}},'
        b'"data":[{"resultCount":0,"impersonationLogs":[]}],"fail":[]}')
CONFIG = json.dumps({
    "base_url": "https://api.example",
    "auth": {"type": "hmac", "access_key": "access", "secret_key": "c2VjcmV0", "app_id": "app",
             "app_key": "key"},
})
signed = 0


def canned(request, allow):
    global signed
    signed += any(header.name.lower() == "authorization" for header in request.headers)
    return collect.Made(status=200, headers=[], body=PAGE)


collect.send = canned
component = sys.argv[1] if len(sys.argv) > 1 else str(COMPONENT)
started = time.perf_counter()
for _ in range(5):
    call = collect.instantiate(component, allow=set())
ms = (time.perf_counter() - started) / 5 * 1000

polls, end = 0, time.perf_counter() + SECS
while time.perf_counter() < end:
    assert call("poll", CONFIG, None).payload.events == [], "the page is not empty"
    polls += 1
assert signed == polls, f"{signed} of {polls} requests were signed"
print(f"python: {polls / SECS:.0f} empty polls a second, signed; {ms:.1f} ms to instantiate")
