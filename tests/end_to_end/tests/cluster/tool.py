"""What tests do to servers and streams that no part of the product does: `tool.py SERVERS COMMAND ...`.

Who it is comes from NATS_USER and NATS_PASSWORD, or NATS_CREDS; NATS_CA names the root of certificates.
"""
import asyncio, base64, hashlib, json, os, ssl, sys, time

import nats
from nats.errors import TimeoutError


async def connect(servers):
    who = {"user_credentials": os.environ["NATS_CREDS"]} if "NATS_CREDS" in os.environ else {
        "user": os.environ.get("NATS_USER"), "password": os.environ.get("NATS_PASSWORD")}
    tls = {"tls": ssl.create_default_context(cafile=os.environ["NATS_CA"])} if "NATS_CA" in os.environ else {}
    async def tell(error):
        print(repr(error), file=sys.stderr)

    return await nats.connect(servers.split(","), connect_timeout=5, max_reconnect_attempts=60, reconnect_time_wait=0.5,
                              error_cb=tell,
                              inbox_prefix=os.environ.get("NATS_INBOX", "_INBOX").encode(), **who, **tls)


async def request(client, subject, payload="", headers="{}"):
    """Asks until somebody answers, and prints the answer."""
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = await client.request(subject, payload.encode(), timeout=5, headers=json.loads(headers) or None)
            return print(answer.data.decode())
        except (TimeoutError, nats.errors.NoRespondersError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


def shard(source):
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "big") % 512


async def commits(client, stream, sources, batches, lines, pause="0"):
    """Stores batches of so many events and a cursor, as a worker does. Every third batch packs its events."""
    async def one(source):
        version = 0
        cursor = f"{stream}.cursor.{shard(source)}.{source}"
        for batch in range(int(batches)):
            events = [json.dumps({"source": source, "id": f"{source}-{n}", "kind": "test.line", "time": None,
                                  "event": {"n": n}}, separators=(",", ":"))
                      for n in range(batch * int(lines), (batch + 1) * int(lines))]
            await asyncio.sleep(float(pause))
            while True:
                try:
                    version = await commit(client, stream, source, cursor, version, batch, events)
                    break
                except (TimeoutError, nats.errors.Error, ValueError) as error:
                    # Whether it was stored, the stream alone knows.
                    print(f"{source} {batch}: {error!r}", file=sys.stderr)
                    await asyncio.sleep(0.5)
                    found = await last(client, stream, cursor)
                    if found and found[1] == str(batch):
                        version = found[0]
                        break
                    version = found[0] if found else 0
    await asyncio.gather(*(one(f"source-{n}") for n in range(int(sources))))


async def commit(client, stream, source, cursor, version, batch, events):
    name, packed = os.urandom(12).hex(), 4 if batch % 3 == 2 else 1
    payloads = ["\n".join(events[at:at + packed]) for at in range(0, len(events), packed)]
    subject = f"{stream}.event.{shard(source)}.{source}.test.line"
    for n, payload in enumerate(payloads):
        headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(n + 1)}
        if n == 0:
            answer = await client.request(subject, payload.encode(), timeout=4, headers=headers)
            if answer.data:
                raise ValueError(answer.data)
        else:
            await client.publish(subject, payload.encode(), headers=headers)
    headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(len(payloads) + 1), "Nats-Batch-Commit": "1",
               "Nats-Expected-Last-Subject-Sequence": str(version), "Nats-Rollup": "sub", "Nats-TTL": "never",
               "Source-Cursor": "1"}
    answer = json.loads((await client.request(cursor, str(batch).encode(), timeout=4, headers=headers)).data)
    if answer.get("count") != len(payloads) + 1:
        raise ValueError(answer)
    return answer["seq"]


async def pull(client, stream, consumer, lines):
    """Reads so many lines as Vector does: from a consumer that is there, with an acknowledgement of each message."""
    api = client.jetstream()
    await api.stream_info(stream)
    await api.consumer_info(stream, consumer)
    pulled, read = await api.pull_subscribe_bind(consumer, stream), 0
    while read < int(lines):
        for message in await pulled.fetch(200, timeout=20):
            print(message.data.decode())
            read += message.data.count(b"\n") + 1
            await message.ack()
    await client.flush()


async def crowd(client, stream, seconds):
    """Leaves batches open, as many as the servers allow, for so long."""
    deadline, full = time.monotonic() + float(seconds), False
    while time.monotonic() < deadline:
        headers = {"Nats-Batch-Id": os.urandom(12).hex(), "Nats-Batch-Sequence": "1"}
        answer = await client.request(f"{stream}.event.0.nobody.line", b"{}", timeout=4, headers=headers)
        if answer.data:
            assert json.loads(answer.data)["error"]["err_code"] == 10210, answer.data
            full = full or print("full", file=sys.stderr) is None
            await asyncio.sleep(0.005)


async def last(client, stream, subject):
    while True:
        try:
            question = json.dumps({"last_by_subj": subject}).encode()
            answer = json.loads((await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", question, timeout=2)).data)
            if "message" in answer:
                return answer["message"]["seq"], base64.b64decode(answer["message"]["data"]).decode()
            if answer["error"]["err_code"] == 10037:
                return None
        except (TimeoutError, nats.errors.Error):
            pass
        await asyncio.sleep(0.2)


def operator(folder):
    """Writes operator.conf and worker.creds: an operator, an account with JetStream, and a user of it."""
    import nkeys

    def key(prefix):
        seed = nkeys.encode_seed(os.urandom(32), prefix)
        pair = nkeys.from_seed(bytearray(seed))
        return pair, bytes(pair.public_key).decode(), bytes(seed).decode()

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def token(issuer, subject, name, claims):
        body = {"iss": issuer[1], "sub": subject[1], "name": name, "iat": int(time.time()), "nats": {"version": 2} | claims}
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        signed = b".".join(part(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return (signed + b"." + part(issuer[0].sign(signed))).decode()

    root, system, account, user = (key(prefix) for prefix in (
        nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER))
    free = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
    stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    tokens = {system[1]: token(root, system, "SYS", {"type": "account", "limits": free}),
              account[1]: token(root, account, "A", {"type": "account", "limits": free | stored})}
    preloaded = "\n".join(f"{name}: {text}" for name, text in tokens.items())
    with open(f"{folder}/operator.conf", "w") as file:
        file.write(f"operator: {token(root, root, 'O', {'type': 'operator', 'system_account': system[1]})}\n"
                   f"system_account: {system[1]}\nresolver: MEMORY\nresolver_preload: {{\n{preloaded}\n}}\n")
    mine = token(account, user, "worker", {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}})
    with open(f"{folder}/worker.creds", "w") as file:
        file.write(f"-----BEGIN NATS USER JWT-----\n{mine}\n------END NATS USER JWT------\n\n"
                   f"-----BEGIN USER NKEY SEED-----\n{user[2]}\n------END USER NKEY SEED------\n")


async def main(servers, command, *args):
    client = await connect(servers)
    commands = {"request": request, "commits": commits, "pull": pull, "crowd": crowd}
    await commands[command](client, *args)
    await client.close()


if sys.argv[1] == "operator":
    operator(sys.argv[2])
else:
    asyncio.run(main(*sys.argv[1:]))
