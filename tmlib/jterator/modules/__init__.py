"""The modules that pipelines are made of.

A module is a Python file with a constant ``VERSION`` and a typed function ``main`` that returns a
NamedTuple, and beside it ``<module>.handles.yaml``, which names and explains its arguments and
results. The types of the arguments of ``main`` are also what values in handles are checked
against.
"""
