"""Pictures of answers, written so that nobody is served half of one.

They lie under their content's name. Gradio by itself writes such a file once more for every visitor whose answer looks
the same, over the one that another visitor may be reading just then, who gets nothing.
"""

import os
import tempfile
from pathlib import Path

from gradio import processing_utils
from PIL import Image


def write_whole() -> None:
    """Put a way of saving that never touches what lies there in the place of Gradio's own."""
    processing_utils.save_pil_to_cache = save_pil_to_cache


def save_pil_to_cache(img: Image.Image, cache_dir: str, name: str = "image", format: str = "webp") -> str:
    """As Gradio's: the place of the picture, which has its whole time before it again."""
    content = processing_utils.encode_pil_to_bytes(img, format)
    file = (Path(cache_dir) / processing_utils.hash_bytes(content) / f"{name}.{format}").resolve()
    try:
        os.utime(file)
    except OSError:  # not there, or deleted at this very moment
        file.parent.mkdir(exist_ok=True)
        # A name of its own: two visitors may get the same answer at the same moment.
        with tempfile.NamedTemporaryFile(dir=cache_dir, prefix="picture-", delete=False) as aside:
            aside.write(content)
        Path(aside.name).replace(file)
    return str(file)
