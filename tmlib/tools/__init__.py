"""Tools, which analyse objects and their feature values: one module per tool.

Tools that learn are in ``learning``, those for plates and wells in ``plates``.
"""
