"""Modules that users bring with their project.

They are read without being run (`source`), and run in a process of their own with limits
(`sandbox`, of which `process` is the other end), where the administrator allows it.
"""
