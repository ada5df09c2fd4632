"""Writes the events of a ledger in NATS JetStream to a file of lines, each event once.

FILE.position has how many bytes of FILE count, and the last message of the stream that is in them. Lines are
synced before that is noted, and what a crash left beyond it is cut off at the next start: so no crash loses a
line or repeats one. Who it is comes from NATS_USER and NATS_PASSWORD, or from NATS_CREDS, the path of a file.
"""
import argparse, asyncio, fcntl, json, os, ssl, sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy


class Lines:
    def __init__(self, path, stream):
        self.file, self.note = open(path, "ab"), path + ".position"
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{path}: another consumer writes it")
        size = os.fstat(self.file.fileno()).st_size
        self.position = {"stream": stream, "bytes": 0, "sequence": 0}
        if os.path.exists(self.note):
            self.position = json.load(open(self.note))
        elif size:
            sys.exit(f"{path} has lines, and nothing says how far they count: {self.note} is missing")
        if self.position["stream"] != stream:
            sys.exit(f"{path} is of {self.position['stream']}, and this is {stream}: begin another file")
        if size < self.position["bytes"]:
            sys.exit(f"{path} has {size} bytes, and had {self.position['bytes']}: somebody cut it")
        self.remember()
        self.file.truncate(self.position["bytes"])

    def append(self, messages):
        data = b"".join(message.data + b"\n" for message in messages)
        self.file.write(data)
        self.file.flush()
        os.fsync(self.file.fileno())
        self.position["bytes"] += len(data)
        self.position["sequence"] = messages[-1].metadata.sequence.stream
        self.remember()

    def remember(self):
        with open(self.note + ".new", "w") as file:
            json.dump(self.position, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.note + ".new", self.note)


async def follow(js, stream, lines, until_caught_up):
    """Reads on from where the file ends. The consumer is made for this run: its count shows what went missing."""
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                            opt_start_seq=lines.position["sequence"] + 1, mem_storage=True, num_replicas=1)
    subscription = await js.pull_subscribe(f"{stream}.event.>", stream=stream, config=config)
    read = 0
    while True:
        try:
            messages = await subscription.fetch(200, timeout=1)
        except nats.errors.TimeoutError:
            messages = []
        numbers = [message.metadata.sequence.consumer for message in messages]
        about = None if messages else await subscription.consumer_info()
        if numbers != [read + n + 1 for n in range(len(messages))] or about and about.delivered.consumer_seq != read:
            raise ConnectionError("messages went missing on their way")
        if messages:
            lines.append(messages)
            read += len(messages)
        elif until_caught_up and about.num_pending == 0:
            return


async def tell(error):
    print(f"reads on where the file ends: {error!r}", file=sys.stderr)


async def main(args):
    tls = {"tls": ssl.create_default_context(cafile=args.ca)} if args.ca else {}
    who = {"user_credentials": os.environ["NATS_CREDS"]} if "NATS_CREDS" in os.environ else {
        "user": os.environ.get("NATS_USER"), "password": os.environ.get("NATS_PASSWORD")}
    client = await nats.connect(args.servers.split(","), max_reconnect_attempts=-1, error_cb=tell,
                                inbox_prefix=args.inbox_prefix.encode(), **tls, **who)
    js, lines = client.jetstream(), None
    while True:
        try:
            lines = lines or Lines(args.file, f"{args.stream}, made {(await js.stream_info(args.stream)).created}")
            await follow(js, args.stream, lines, args.until_caught_up)
            return await client.close()
        except (nats.errors.Error, ConnectionError, asyncio.TimeoutError) as error:
            await tell(error)
            await asyncio.sleep(1)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("servers", help="nats://host:port, or tls://; several with commas between")
parser.add_argument("stream"), parser.add_argument("file")
parser.add_argument("--ca", help="a file with the root of the servers' certificates")
parser.add_argument("--inbox-prefix", default="_INBOX")
parser.add_argument("--until-caught-up", action="store_true", help="end when there is nothing more to read")
asyncio.run(main(parser.parse_args()))
