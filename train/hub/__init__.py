"""Publishing on the Hugging Face Hub, behind the gate. Enter through ``publish.publish`` (one commit or nothing),
``gate`` (candidate against published) and the four ``*_repository`` modules, one a kind of repository.
"""
