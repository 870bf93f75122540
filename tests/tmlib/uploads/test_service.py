import pytest

from tests.tmlib.uploads.conftest import Inbox
from tmlib.errors import BadInput
from tmlib.uploads import service
from tmlib.uploads.models import FileKind, FileUploadStatus

IMAGE = "plate_A01_T0001F001L01A01Z01C01.tif"
METADATA = "MeasurementData.mlf"


def register(inbox: Inbox, *names: str) -> list[str]:
    return service.register(inbox.database, inbox.acquisition, "cellvoyager", names)


def test_what_fits_the_microscope_is_expected(inbox: Inbox) -> None:
    assert sorted(register(inbox, METADATA, "notes.txt", IMAGE)) == [METADATA, IMAGE]
    with inbox.database.session() as session:
        images = service.list_files(session, inbox.acquisition.id, FileKind.IMAGE)
        metadata = service.list_files(session, inbox.acquisition.id, FileKind.METADATA)
    assert [(name, status) for _, name, status in images] == [(IMAGE, FileUploadStatus.WAITING)]
    assert [name for _, name, _ in metadata] == [METADATA]


def test_registering_again_adds_only_what_is_new(inbox: Inbox) -> None:
    second = IMAGE.replace("F001", "F002")
    register(inbox, IMAGE)
    number = inbox.file_id(IMAGE)
    assert register(inbox, IMAGE, second, IMAGE) == [IMAGE, second]
    assert inbox.file_id(IMAGE) == number


def test_many_names_are_registered_in_their_order(inbox: Inbox) -> None:
    names = [f"plate_A01_T{number:04d}F001L01A01Z01C01.tif" for number in range(20_000)]
    assert register(inbox, *names) == names


def test_nothing_that_fits_is_an_error_that_shows_what_is_wanted(inbox: Inbox) -> None:
    with pytest.raises(BadInput) as error:
        register(inbox, "one.czi", "two.czi", "three.czi", "four.czi")
    assert '"one.czi", "two.czi", "three.czi" and 1 more' in error.value.message
    assert "(?P<w>" in error.value.message
    with pytest.raises(BadInput, match="No files supplied"):
        register(inbox)


def test_the_microscope_type_that_fits_is_suggested(inbox: Inbox) -> None:
    with pytest.raises(BadInput, match='type" that fits, cellomics for example'):
        register(inbox, "AS_09125_050116030001_D03f00d0.tif", "thumbs.db", "AS_1_D03f00d1.tif")


@pytest.mark.parametrize(
    "name",
    [
        *("x/../" + IMAGE, "../" + IMAGE, "./" + IMAGE, "/" + IMAGE, "a//" + IMAGE),
        *("a\\" + IMAGE, "a\n/" + IMAGE, "a/" * 120 + IMAGE),
    ],
)
def test_names_that_lead_elsewhere_are_refused(inbox: Inbox, name: str) -> None:
    with pytest.raises(BadInput, match="not a usable file name"):
        register(inbox, name)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("MFG_1_A01f00d0.C01", "MFG_1_A01f00d1.DIB"), r"\.C01 and \.DIB files \(Cellomics's own"),
        (("a.vsi", "notes.txt"), r"\.vsi files \(of Olympus\) are not read: export .* TIFF"),
        (("a.ims",), r"\.ims files are not read"),
        (("a.JPG",), r"\.JPG files \(compressed with loss\) are not read"),
        (("plate.zip",), r"\.zip files \(archives\) are not read: unpack it"),
        ((METADATA, "one.tif", "two.tif"), r'got "one\.tif", "two\.tif", but a name must be'),
    ],
)
def test_images_that_cannot_be_taken_are_refused_with_the_reason(
    inbox: Inbox, names: tuple[str, ...], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        register(inbox, *names)


def test_further_metadata_is_taken_whatever_is_beside_it(inbox: Inbox) -> None:
    register(inbox, IMAGE)
    assert METADATA in register(inbox, METADATA, "preview.png", ".hidden.tif")
    assert register(inbox, "MeasurementDetail.mrf", "Thumbs.db")


def test_names_may_have_folders(inbox: Inbox) -> None:
    names = [IMAGE, f"day 1/{IMAGE}", f"day 2/a/{IMAGE}"]
    assert register(inbox, *names, f"day 2/.hidden/{IMAGE}", f"day 2/._{IMAGE}") == names


def test_hidden_files_are_left_out(inbox: Inbox) -> None:
    assert service.check_names("generic", ["._a.tif", "a.tif", "a.txt"]) == [False, True, False]


def test_an_acquisition_waits_until_all_its_files_are_there(inbox: Inbox) -> None:
    def status() -> FileUploadStatus:
        with inbox.database.session() as session:
            return service.acquisition_statuses(session, [inbox.acquisition.id])[
                inbox.acquisition.id
            ]

    assert status() is FileUploadStatus.WAITING
    register(inbox, IMAGE)
    assert status() is FileUploadStatus.WAITING


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "WAITING"),
        (["COMPLETE", "WAITING"], "WAITING"),
        (["COMPLETE", "UPLOADING"], "UPLOADING"),
        (["COMPLETE", "COMPLETE"], "COMPLETE"),
    ],
)
def test_a_plate_is_as_far_as_its_acquisitions(statuses: list[str], expected: str) -> None:
    given = [FileUploadStatus(status) for status in statuses]
    assert service.combined_status(given) is FileUploadStatus(expected)
