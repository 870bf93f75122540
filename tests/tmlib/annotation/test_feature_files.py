"""Features of a GeoJSON file are read little by little, as the whole of it would be at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tmlib.annotation import feature_files
from tmlib.annotation.feature_files import read_features

FEATURE: dict[str, Any] = {
    'a "b\\ \N{GRINNING FACE}é': [True, None, -1.25e-7, {}, [], "\n \N{GRINNING FACE}"],
    "c": {"d": 17, "": [float("-inf"), float("inf")]},
}
COLLECTION = {"n": 123, "m": -0.5, "features": [FEATURE, {}, FEATURE], "t": "a", "last": [{}]}


def read(path: Path, text: str) -> list[Any]:
    path.write_text(text, "utf-8")
    with path.open(encoding="utf-8") as file:
        return [feature for feature, _ in read_features(file, 1000)]


@pytest.mark.parametrize("options", [{"indent": 3}, {"separators": (",", ":")}])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_wherever_the_text_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], is_ascii: bool
) -> None:
    monkeypatch.setattr(feature_files, "_AT_ONCE", 1)
    path = tmp_path / "rows.geojson"
    text = json.dumps(COLLECTION, ensure_ascii=is_ascii, **options)
    assert read(path, text) == COLLECTION["features"]
    for wrong in (text[:-1], text.replace("17", "1 7"), text.replace("true", "truth")):
        with pytest.raises(ValueError, match=r" at character \d+$"):
            read(path, wrong)


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    features = ",".join(['{"a": "b"}'] * 200_000)
    text = f'{{"features": [{features}, {{"a": wrong}}]}}'
    with pytest.raises(ValueError, match=f"Expecting value at character {text.index('wrong')}"):
        read(tmp_path / "rows.geojson", text)
