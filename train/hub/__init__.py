"""Publishing on the Hugging Face Hub, behind the gate.

Enter through ``publish.publish`` (one commit or nothing), ``gate.compare_with_published`` (candidate against published;
``model_repository`` stops where it fails) and the four ``*_repository`` modules, one a kind of repository.
"""
