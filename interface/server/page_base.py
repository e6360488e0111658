"""Where a page's addresses start below a proxy's path: at the path, even where a visitor left out the slash behind it.

A proxy that takes the path off makes "/skin" and "/skin/" one; what the page names would be looked for beside the path.
"""

from html import escape

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

_HERE = b'<base href="./" />'


def based(prefix: str, send: Send) -> Send:
    """``send`` of a page that Gradio has start where the visitor is. prefix: the path, without a slash behind it."""
    held: list[Message] = []
    page = bytearray()

    async def answer(message: Message) -> None:
        if message["type"] != "http.response.body":
            held.append(message)
            return
        page.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        content = bytes(page).replace(_HERE, f'<base href="{escape(prefix)}/" />'.encode(), 1)
        for kept in held:
            if kept["type"] == "http.response.start":
                MutableHeaders(scope=kept)["Content-Length"] = str(len(content))
            await send(kept)
        await send({"type": "http.response.body", "body": content})

    return answer
