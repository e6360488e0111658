"""The Gradio interface; the only code that imports gradio. Enter through ``blocks.build`` and ``blocks.launch``.

``tabs`` holds one module a tab, ``components`` what several tabs use, ``gallery`` the mistakes as data, ``server``
middleware, sessions, uploads, errors and settings.
"""
