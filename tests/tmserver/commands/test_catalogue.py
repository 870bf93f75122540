import json
from pathlib import Path

from tests.services.catalogue import document, random_rows
from tests.tmserver.commands.conftest import Tm


def test_catalogues_are_imported_from_a_document(tm: Tm, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(document(random_rows(seed=1, n_rows=2))))

    assert "--files" in tm("catalogue", "import", str(path)).output
    refused = tm("catalogue", "import", str(path), "--files", str(tmp_path))
    assert refused.exit_code == 1
    assert "is no address s3://bucket/key" in refused.output

    taken = tm("catalogue", "import", str(path), "--no-file-checks")
    assert taken.exit_code == 0, taken.output
    assert ["TiltSeries", "2"] in [line.split() for line in taken.output.splitlines()]

    again = tm("catalogue", "import", str(path), "--no-file-checks")
    assert again.exit_code == 1
    assert "the catalogue has one with this id" in again.output

    path.write_text("{")
    assert "is no JSON" in tm("catalogue", "import", str(path)).output
    assert "tm catalogue import" in tm("audit").output


def test_depositions_are_listed_and_withdrawn(tm: Tm, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    [row] = document(random_rows(seed=1, n_rows=1))["Deposition"]
    path.write_text(json.dumps({"Deposition": [{**row, "id": 7, "title": "Ribosomes"}]}))
    assert tm("catalogue", "import", str(path), "--no-file-checks").exit_code == 0
    assert ["7", "0", "-", "Ribosomes"] in lines(tm("catalogue", "list").output)

    gone = tm("catalogue", "withdraw", "7", "--reason", "wrong")
    assert gone.exit_code == 0, gone.output
    assert ["7", "0", "wrong", "Ribosomes"] in lines(tm("catalogue", "list").output)
    assert tm("catalogue", "withdraw", "7", "--reason", "again").exit_code == 1
    again = tm("catalogue", "import", str(path), "--no-file-checks")
    assert "it was withdrawn" in again.output
    swept = tm("catalogue", "sweep", "--days", "1", "--dry-run")
    assert swept.exit_code == 0, swept.output
    assert "0 files of 0.0 MB could be removed." in swept.output


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]
