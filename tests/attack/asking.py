"""Asking the server's functions as a program does: any function, any data, over HTTP."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx

API = "/gradio_api"


def file_data(path: object, **more: object) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def upload(address: str, content: bytes, name: str = "mole.jpg") -> httpx.Response:
    return httpx.post(f"{address}{API}/upload", files={"files": (name, content)}, timeout=120)


def join(address: str, function: int, data: object, *, client: Any = httpx, **more: object) -> httpx.Response:
    question = {"data": data, "fn_index": function, "session_hash": secrets.token_hex(6), "event_data": None, **more}
    headers = {"Content-Type": "application/json"}
    return client.post(f"{address}{API}/queue/join", content=json.dumps(question), headers=headers, timeout=60)


def answer(address: str, joined: httpx.Response, session: str | None = None) -> dict[str, Any] | None:
    """The last word to what was let in: ``{"success": …, "output": …}``; None where the stream just ended."""
    session = session or json.loads(joined.request.content)["session_hash"]
    with httpx.stream("GET", f"{address}{API}/queue/data", params={"session_hash": session}, timeout=120) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                message = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    return message
    return None


def ask(address: str, function: int, data: object, **more: object) -> dict[str, Any] | None:
    """The last word; of a question that is not let in, a refusal with its text as output."""
    joined = join(address, function, data, **more)
    if joined.status_code != 200:
        return {"success": False, "output": joined.text}
    return answer(address, joined)


def endpoint(config: dict[str, Any], name: str) -> int:
    return next(each["id"] for each in config["dependencies"] if each["api_name"] == name)


def function_of(config: dict[str, Any], elem_id: str, event: str) -> int:
    """The first function that an event of a component of the page calls on the server."""
    parts = [part["id"] for part in config["components"] if part["props"].get("elem_id") == elem_id]
    return next(
        each["id"]
        for each in config["dependencies"]
        if each["backend_fn"] and any(list(target) == [parts[0], event] for target in each["targets"])
    )
