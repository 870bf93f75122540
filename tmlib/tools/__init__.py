"""What is run on objects and their feature values: one module per tool.

Tools that learn are in ``learning``, those about plates and wells in ``plates``.
"""
