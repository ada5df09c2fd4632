"""Writes the events of a ledger in NATS JetStream to a file of lines, each event once.

FILE.position has how many bytes of FILE count, and the last message of the stream that is in them. Lines are
synced before that is noted, and what a crash left beyond it is cut off at the next start: so no crash loses a
line or repeats one. Who it is comes from NATS_USER and NATS_PASSWORD, or from NATS_CREDS, the path of a file.
"""
import argparse, asyncio, contextlib, fcntl, json, os, ssl, sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy


class Lines:
    def __init__(self, path):
        self.path, self.file, self.note = path, open(path, "ab"), path + ".position"
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{path}: another consumer writes it")
        size, is_noted = os.fstat(self.file.fileno()).st_size, os.path.exists(self.note)
        if size and not is_noted:
            sys.exit(f"{path} has lines, and nothing says how far they count: {self.note} is missing")
        self.position = json.load(open(self.note)) if is_noted else {"bytes": 0, "sequence": 0}
        if size < self.position["bytes"]:
            sys.exit(f"{path} has {size} bytes, and had {self.position['bytes']}: somebody cut it")

    async def begin(self, js, stream):
        try:
            made = f"{stream}, made {(await js.stream_info(stream)).created}"
        except nats.js.errors.NotFoundError:
            raise ConnectionError(f"stream {stream} is not there")
        if self.position.setdefault("stream", made) != made:
            sys.exit(f"{self.path} is of {self.position['stream']}, and this is {made}: begin another file")
        self.remember()
        self.file.truncate(self.position["bytes"])

    def append(self, messages):
        data = b"".join(message.data + b"\n" for message in messages)
        self.file.write(data)
        self.file.flush()
        os.fsync(self.file.fileno())
        self.position.update(bytes=self.position["bytes"] + len(data), sequence=messages[-1].metadata.sequence.stream)
        self.remember()

    def remember(self):
        with open(self.note + ".new", "w") as file:
            json.dump(self.position, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.note + ".new", self.note)


async def follow(js, stream, lines, until_caught_up):
    """Reads on from where the file ends. The consumer is made for this run: its count shows what went missing."""
    await lines.begin(js, stream)
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                            opt_start_seq=lines.position["sequence"] + 1, mem_storage=True, num_replicas=1)
    subscription, read = await js.pull_subscribe(f"{stream}.event.>", stream=stream, config=config), 0
    await lines.begin(js, stream)  # It may have been made anew before the consumer was.
    while True:
        messages = []
        with contextlib.suppress(nats.errors.TimeoutError):
            messages = await subscription.fetch(200, timeout=1)
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
    print(f"reads on where the file ends: {str(error) or repr(error)}", file=sys.stderr)


async def main(args):
    client = await nats.connect(args.servers.split(","), max_reconnect_attempts=-1, error_cb=tell,
                                tls=ssl.create_default_context(cafile=args.ca) if args.ca else None,
                                user=os.environ.get("NATS_USER"), password=os.environ.get("NATS_PASSWORD"),
                                user_credentials=os.environ.get("NATS_CREDS"), inbox_prefix=args.inbox_prefix.encode())
    js, lines = client.jetstream(), Lines(args.file)
    while True:
        try:
            await follow(js, args.stream, lines, args.until_caught_up)
            return await client.close()
        except (nats.errors.Error, ConnectionError, asyncio.TimeoutError) as error:
            await tell(error)
            await asyncio.sleep(1)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("servers", help="nats://host:port, or tls://; several with commas between")
parser.add_argument("stream"), parser.add_argument("file"), parser.add_argument("--inbox-prefix", default="_INBOX")
parser.add_argument("--ca", help="a file with the root of the servers' certificates")
parser.add_argument("--until-caught-up", action="store_true", help="end when there is nothing more to read")
asyncio.run(main(parser.parse_args()))
