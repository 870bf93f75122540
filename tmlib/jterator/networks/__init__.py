"""Neural networks that segment images: finding and loading their models, and running them.

PyTorch comes with the extra ``deep-learning``. It is imported when a network runs and not before:
it is large, and workers fork.
"""
