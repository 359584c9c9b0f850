"""Recorded exchanges against the sandbox: reading them, sending them, and what makes two answers alike.

Shape is the set of paths in the JSON, list positions collapsed, each with its type; errors and other short bodies are
compared whole.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import itertools
import json
from pathlib import Path

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "recordings"
ORIGIN = "https://openreplay.example.com"


def read(*groups):
    """The exchanges of these files, in the order in which they were recorded."""
    for group in groups:
        for line in (RECORDINGS / f"{group}.jsonl").read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def body_of(exchange):
    text = exchange["request_body"]
    if exchange.get("request_body_encoding") == "base64":
        return base64.b64decode(text)
    body = None if text is None else text.encode()
    if size := exchange.get("request_body_bytes"):  # the recording cut it; what is in it does not matter
        return body.ljust(size, b"x")
    return body


def send(sandbox, exchange, replacements=()):
    """Status, content type and text of the sandbox's answer to a recorded request.

    Args:
        replacements: pairs of a text in the recording's path, headers or body and what stands for it here, such as
            ("REDACTED_JWT", jwt).
    """
    return send_whole(sandbox, exchange, replacements)[0]


def send_whole(sandbox, exchange, replacements=()):
    """The same, and the answer's headers as a list of pairs."""
    pairs = [("REDACTED_API_KEY", sandbox.api_key), *replacements]

    def here(text):
        for recorded, ours in pairs:
            text = text.replace(recorded, ours)
        return text

    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=10)
    connection.putrequest(exchange["method"], here(exchange["url"].removeprefix(ORIGIN)), skip_accept_encoding=True)
    for name, value in exchange["request_headers"].items():
        if name != "Content-Length":
            connection.putheader(name, here(value))
    body = body_of(exchange)
    if body is not None:
        if exchange.get("request_body_encoding") != "base64":
            body = here(body.decode()).encode()
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    if response.headers["Content-Encoding"] == "gzip":
        content = gzip.decompress(content)
    connection.close()
    return (response.status, response.headers["Content-Type"], content.decode()), response.getheaders()


def recorded_answer(exchange):
    headers = {name.lower(): value for name, value in exchange["response_headers"]}
    body = exchange["response_body"] or ""
    if exchange["response_body_encoding"] == "base64":
        content = base64.b64decode(body)
        body = (gzip.decompress(content) if headers.get("content-encoding") == "gzip" else content).decode()
    return exchange["status"], headers.get("content-type"), body


def shape(value, path="$"):
    """Every path with its type. Values in property maps are just numbers: 50 and 12.42 stand for the same thing."""
    if isinstance(value, dict):
        yield path, "object"
        for key, item in value.items():
            yield from shape(item, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from shape(item, f"{path}[]")
    else:
        kind = type(value).__name__
        yield path, "number" if kind in {"int", "float"} and "properties." in path else kind


def essence(answer):
    status, content_type, body = answer
    if status == 200 and content_type == "application/json":
        return status, content_type, sorted(set(shape(json.loads(body))))
    return status, content_type, body


def sign_in(sandbox, email=None):
    """A token of the dashboard, to stand for REDACTED_JWT; earlier ones of the same person are no longer good."""
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=10)
    body = json.dumps({"email": email or sandbox.email, "password": sandbox.password})
    connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["jwt"]


def unhurried():
    """Seconds for `Sandbox(pulse=unhurried())` that grow with every look: the limiter never refuses."""
    return itertools.count().__next__
