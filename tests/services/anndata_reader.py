"""anndata, which needs an older pandas than the product has on Python 3.11."""

from pathlib import Path

REQUIREMENTS = ("anndata>=0.12,<0.14",)
SESSION = Path(__file__).with_name("anndata_session.py")
