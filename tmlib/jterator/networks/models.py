"""Files of models: where they are, and how they are loaded without running what is in them."""

import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

from tmlib.jterator.errors import ModuleError, suggest
from tmlib.storage import check_file_name


def find_model(folder: Path | None, name: str) -> Path:
    """The file of a model.

    Parameters
    ----------
    folder
        Where the administrator keeps models; None if nowhere.
    name
        Name of the file.

    Raises
    ------
    BadInput
        If the name leaves the folder.
    ModuleError
        If there is no such file; names those that there are.
    """
    check_file_name(name)
    if folder is None:
        raise ModuleError(f'The model "{name}" cannot be found: no folder with models is known.')
    path = folder / name
    if not path.is_file():
        known = [file.name for file in folder.iterdir()] if folder.is_dir() else []
        raise ModuleError(
            f'There is no model "{name}" in "{folder}", {suggest(name, known)}. The administrator '
            "puts models there, or says with TM_MODELS_DIR where they are."
        )
    return path


def load_model(path: str) -> Any:
    """Load a model: TorchScript, or a dictionary of weights.

    Nothing that is pickled in the file is run. A model that was loaded is kept for the next site
    as long as its file does not change.

    Raises
    ------
    ValueError
        If the file is neither of both.
    """
    changed = Path(path).stat()
    return _load(path, changed.st_mtime_ns, changed.st_size)


@lru_cache(maxsize=2)
def _load(path: str, changed: int, size: int) -> Any:
    import torch

    # the workers share the processors among themselves
    torch.set_num_threads(1)
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError:
        pass
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError):
        weights = None
    if not isinstance(weights, dict) or not all(map(torch.is_tensor, weights.values())):
        raise ValueError(
            f'"{Path(path).name}" is no model: it must be TorchScript or a dictionary of weights'
        )
    return {str(name): value.float() for name, value in weights.items()}
