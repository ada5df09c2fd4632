"""A source of the contract in Python: it collects the JSON feed of ../feed-source. README.md says how it
becomes a component."""
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from componentize_py_types import Err
from wit_world.exports.source import (
    Batch,
    Diagnostic,
    ErrorKind,
    Event,
    Level,
    Metadata,
    Notice,
    PollError,
    Report,
    Stats,
)
from wit_world.imports import http

KIND = "feed.item"
# A token travels over TLS, or does not leave the machine.
URL_PATTERN = r"^(https://[^/?#]|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/|$))[^?#]*$"
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "pattern": URL_PATTERN},
        "token": {"type": "string", "pattern": "^[!-~]+$", "writeOnly": True},
    },
}
REMEDY = (
    "give https://HOST/PATH without a query, or http:// to localhost, 127.0.0.1 or [::1], "
    "and no other member"
)
PAGE_SIZE = 500
NOTHING = Stats(0, 0, 0, 0, 0, [])
ERRORS = {  # The cases of `http-error`, by the names of their classes.
    "Denied": (ErrorKind.CONFIG, "denied"),
    "TooLarge": (ErrorKind.PROTOCOL, "too_large"),
    "Other": (ErrorKind.TRANSIENT, "exchange_failed"),
}


class Source:
    def describe(self):
        return Metadata("python-source", [KIND], "0.1.0", json.dumps(SCHEMA))

    def validate(self, config):
        if read(config) is None:
            message = "not the `url` of a feed, and at most a `token` beside it"
            raise Err([Diagnostic("", message, REMEDY)])

    def check(self, config):
        items, _, stats = page(config, None, 1)
        told = f"the feed answers, and holds {'items' if items else 'no item yet'}"
        return Report(None, None, None, [Notice(Level.INFO, "feed_answers", told)], stats)

    def poll(self, config, cursor):
        position = None if cursor is None else position_of(cursor, config)
        items, after, stats = page(config, position, PAGE_SIZE)
        events = [Event(item["id"], KIND, nanos_of(item), compact(item)) for item in items]
        cursor = compact({"version": 1, "url": read(config)["url"], "since": after})
        wait_ms = 0 if items else 60_000
        return Batch(events, cursor, bool(items), wait_ms, [], stats, None, None)

    def explain_cursor(self, cursor):
        return [(name, str(value)) for name, value in read_cursor(cursor).items()]


def page(config, position, limit):
    """One page of the feed after a position."""
    members = read(config)
    if members is None:
        raise failed(ErrorKind.CONFIG, "config_refused", "`url` is not that of a feed")
    since = {} if position is None else {"since": position}
    url = f"{members['url']}?{urlencode(since | {'limit': limit})}"
    status, body = exchange(url, members.get("token"))
    stats = Stats(1, 0, len(body), 0, 0, [])
    if status != 200:
        raise failed(*meaning_of(status), stats)
    try:
        answer = json.loads(body)
        items, after = answer["items"], answer["next"]
        # A position goes into the cursor: it may hold no secret.
        secret = members.get("token")
        is_safe = isinstance(after, str) and not (secret and secret in after)
        if is_safe and all(isinstance(item["id"], str) for item in items):
            return items, after, Stats(1, 0, len(body), len(items), 0, [])
    except (ValueError, LookupError, TypeError):
        pass  # Told below: the error's own text may repeat what the feed said.
    raise failed(ErrorKind.PROTOCOL, "not_a_page", "the answer is not a page of a feed", stats)


def exchange(url, token):
    headers = [http.Header("Accept", "application/json")]
    if token is not None:
        headers.append(http.Header("Authorization", f"Bearer {token}"))
    try:
        response = http.send(http.Request("GET", url, headers, b"", 30_000))
    except Err as error:
        case = type(error.value).__name__.removeprefix("HttpError_")
        kind, code = ERRORS.get(case, (ErrorKind.TRANSIENT, case.lower()))
        raise failed(kind, code, error.value.value, Stats(1, 0, 0, 0, 0, []))
    return response.status, response.body


def meaning_of(status):
    told = f"the feed answers with status {status}"
    match status:
        case 401 | 403:
            return ErrorKind.AUTH, "forbidden", told
        case 410:
            told += ": begin anew, without what is gone"
            return ErrorKind.CURSOR, "position_gone", told
        case 429:
            return ErrorKind.THROTTLED, "rate_limited", told
        case _ if status >= 500:
            return ErrorKind.TRANSIENT, "feed_failed", told
    return ErrorKind.PROTOCOL, "unexpected_status", told


def nanos_of(item):
    try:
        age = datetime.fromisoformat(item["time"]) - datetime.fromtimestamp(0, UTC)
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    nanos = age // timedelta(microseconds=1) * 1000
    return nanos if nanos >= 0 else None


def position_of(cursor, config):
    members, of_cursor = read(config), read_cursor(cursor)
    if members is not None and of_cursor["url"] != members["url"]:
        told = "the cursor is of another feed: begin anew without it"
        raise failed(ErrorKind.CURSOR, "cursor_foreign", told)
    return of_cursor["since"]


def read_cursor(cursor):
    try:
        value = json.loads(cursor)
        members = {name: value[name] for name in ("version", "url", "since")}
        texts = members["url"], members["since"]
        if members["version"] == 1 and all(isinstance(text, str) for text in texts):
            return members
    except (ValueError, LookupError, TypeError):
        pass  # Told below.
    raise failed(ErrorKind.CURSOR, "cursor_refused", "the cursor is not one of this source")


def read(config):
    """The configuration, if there is no fault in it."""
    known = SCHEMA["properties"]
    try:
        members = json.loads(config)
        is_sound = "url" in members and all(
            re.search(known[name]["pattern"], value) for name, value in members.items()
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return members if is_sound else None


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def failed(kind, code, message, stats=NOTHING):
    return Err(PollError(kind, code, message, None, [], stats, None))
