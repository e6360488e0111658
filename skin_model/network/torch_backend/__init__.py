"""The network in torch: what trains it, exports it, explains it with Captum, and answers where no ONNX file can.

An answer from an ONNX file imports nothing of this, since torch alone takes seconds to import.
"""
