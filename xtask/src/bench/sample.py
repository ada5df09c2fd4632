"""What one writes first: asks page after page, and prints the rows. No state, no retries, no bounds."""

import gzip
import json
import os
import sys
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

base_url = sys.argv[1]


def post(path, body, headers):
    request = urllib.request.Request(base_url + path, data=body, headers=headers)
    with urllib.request.urlopen(request) as response:
        body = response.read()
        return json.loads(gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body)


client = {"client_id": os.environ["MC_CLIENT_ID"], "client_secret": os.environ["MC_CLIENT_SECRET"]}
form = urllib.parse.urlencode(client | {"grant_type": "client_credentials"}).encode()
token = post("/oauth/token", form, {"Content-Type": "application/x-www-form-urlencoded"})["access_token"]
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept-Encoding": "gzip"}

now = datetime.now(timezone.utc)
window = {"oldestFirst": True, "from": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
          "to": now.strftime("%Y-%m-%dT%H:%M:%S+0000")}
pagination = {"pageSize": 500}
while True:
    body = json.dumps({"meta": {"pagination": pagination}, "data": [window]}).encode()
    page = post("/api/ttp/impersonation/get-logs", body, headers)
    for block in page["data"]:
        for row in block["impersonationLogs"]:
            print(json.dumps(row))
    pagination["pageToken"] = page["meta"].get("pagination", {}).get("next")
    if not pagination["pageToken"]:
        break
