"""Where programs that were written for the client of TissueMAPS import it from."""

from tmclient.client import TmClient

__all__ = ["TmClient"]
