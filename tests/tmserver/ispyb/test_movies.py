"""Movies of electron microscopes are handed in, and told to clients of the Java server."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.tmserver.conftest import PASSWORD, Person
from tests.tmserver.ispyb.conftest import Visitor, anybody
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment
from tmlib.facility import movies
from tmlib.facility.movies import Movie, MovieRecord
from tmlib.facility.visibility import Viewer
from tmserver.ispyb.forms import PREFIX

As = Callable[[str], Visitor]

MOVIES = [
    {
        "movieNumber": 1,
        "movieFullPath": "/data/1.tiff",
        "positionX": 0.5,
        "MotionCorrection": {"totalMotion": "12.5", "lastFrame": 40},
    },
    {"movieNumber": 2},
]


@pytest.fixture
def recorded(visitor: As, acquired: int) -> str:
    """Path of the movies of an acquisition, of which two were handed in."""
    path = f"/em/datacollections/{acquired}/movies"
    answer = visitor("owner").post(path, {"movies": MOVIES})
    assert answer == {"added": 2, "changed": 0}
    return path


def test_movies_are_told_with_what_was_measured(
    app: Flask, visitor: As, admin: Visitor, acquired: int, recorded: str
) -> None:
    ctf = {"CTF": {"defocusU": "15000", "estimatedBfactor": 80}}
    more = [{"movieNumber": 1, **ctf, "MotionCorrection": {"patchesUsed": 5}}]
    answer = visitor("owner").post(recorded, {"movies": more})
    assert answer == {"added": 0, "changed": 1}
    admin.patch("/options", {"enable_legacy_routes": True})
    reader, nobody = visitor("reader"), anybody(app)
    given = {"plugin": "database", "login": "reader", "password": PASSWORD}
    token = nobody.post("/auth/login", given, 201)["token"]

    def ask(by_header: str, by_token: str, status: int = 200, **query: str) -> Any:
        answer = reader.get(f"/legacy{by_header}", status)
        assert nobody.get(f"/legacy{by_token}", status, **query) == answer
        nobody.get(f"/legacy{by_header}", 401)
        return answer

    def movies(proposal: str, number: int) -> Any:
        return ask(
            f"/em/proposal/{proposal}/datacollection/{number}/movies",
            f"/{token}/proposal/{proposal}/em/datacollection/{number}/movie/all",
        )

    first, second = movies("MX1", acquired)
    assert len(first) == 39
    assert (first["Movie_movieNumber"], first["Movie_movieFullPath"]) == (1, "/data/1.tiff")
    assert (first["Movie_positionX"], first["MotionCorrection_lastFrame"]) == ("0.5", "40")
    assert first["MotionCorrection_totalMotion"] == "12.5"
    assert first["MotionCorrection_patchesUsed"] == "5"
    assert (first["CTF_defocusU"], first["CTF_estimatedBfactor"]) == ("15000", "80")
    assert second["MotionCorrection_motionCorrectionId"] is second["CTF_CTFid"] is None
    assert movies("MX2", acquired) == movies("MX1", 999) == []

    session = first["BLSession_sessionId"]
    listed = ask(
        f"/em/session/{session}/stats", f"/{token}/proposal/MX1/em/session/{session}/stats"
    )
    assert len(listed[0]) == 17
    assert [one["movieId"] for one in listed] == [first["Movie_movieId"], second["Movie_movieId"]]
    assert (listed[0]["totalMotion"], listed[0]["defocusU"]) == ("12.5", "15000")
    elsewhere = f"/legacy/{token}/proposal/MX2/em/session/{session}/stats"
    assert nobody.get(elsewhere) == []

    def counts(of: str, status: int = 200) -> Any:
        by_header = f"/em/proposal/MX1/{of}/stats"
        return ask(by_header, f"/proposal/MX1/{of}/stats", status, token=token)

    counted = {
        "dataCollectionId": acquired,
        "movieCount": 2,
        "motionCorrectionCount": 1,
        "ctfCorrectionCount": 1,
    }
    [event] = reader.get("/events")["results"]
    group = event["Item"]["DataCollectionGroup"]["dataCollectionGroupId"]
    assert counts(f"data_collections/999,{acquired}") == [counted]
    assert counts(f"data_collections_group/{group}") == [counted]
    for wrong in ("x", "1,", str(2**31), "9" * 5000):
        assert counts(f"data_collections/{wrong}", 422)["detail"][0]["type"] == "value_error"
    assert visitor("writer").get(f"/legacy/em/session/{session}/stats") == []


def test_the_resolution_of_movies_is_a_column(visitor: As, acquired: int, recorded: str) -> None:
    more = [{"movieNumber": 2, "CTF": {"resolutionLimit": "3.2"}}]
    visitor("owner").post(recorded, {"movies": [*more, {"movieNumber": 3, "CTF": {}}]})
    page = visitor("reader").get("/datacollections/quality", dataCollectionId=acquired)
    assert page["total"] == 3
    assert page["results"] == [
        {
            "dataCollectionId": acquired,
            "imageNumber": [1, 2, 3],
            "totalIntegratedSignal": [None, None, None],
            "goodBraggCandidates": [None, None, None],
            "method2Res": [None, 3.2, None],
        }
    ]
    [hidden] = visitor("writer").get("/datacollections/quality")["results"]
    assert hidden["imageNumber"] == []


def test_the_resolution_of_movies_is_a_plot(
    visitor: As, app: Flask, acquired: int, recorded: str
) -> None:
    path = f"/datacollections/images/quality/{acquired}"

    def is_announced() -> bool:
        [event] = visitor("reader").get("/events")["results"]
        return bool(event["Item"]["_metadata"]["snapshots"]["analysis"])

    missing = {"detail": "Image not found"}
    assert not is_announced()
    assert visitor("reader").get(path, 404) == missing
    more = [{"movieNumber": n, "CTF": {"resolutionLimit": str(3 + n % 2)}} for n in (1, 2, 3)]
    visitor("owner").post(recorded, {"movies": more})
    assert is_announced()
    answer = visitor("reader").get(path)
    assert answer.mimetype == "image/png"
    picture = imagecodecs.png_decode(answer.data)
    blue = (picture == (30, 90, 160)).all(axis=2)
    rows = [np.flatnonzero(part.any(axis=1)).mean() for part in np.array_split(blue, 3, axis=1)]
    assert rows[0] == rows[2] > rows[1]  # what is resolved finer is higher
    assert visitor("writer").get(path, 404) == missing
    anybody(app).get(path, 401)
    visitor("reader").get("/datacollections/images/quality/x", 422)


def test_what_is_no_number_is_no_resolution(visitor: As, acquired: int, recorded: str) -> None:
    def hand_in(*values: object) -> list[float | None]:
        sent = enumerate(values, start=1)
        more = [{"movieNumber": n, "CTF": {"resolutionLimit": value}} for n, value in sent]
        visitor("owner").post(recorded, {"movies": more})
        [page] = visitor("reader").get("/datacollections/quality")["results"]
        columns: list[float | None] = page["method2Res"]
        return columns

    def is_announced() -> bool:
        [event] = visitor("reader").get("/events")["results"]
        return bool(event["Item"]["_metadata"]["snapshots"]["analysis"])

    path = f"/datacollections/images/quality/{acquired}"
    for values in (("n/a", None), ("inf", "1e308"), ("nan", "-1e308")):
        assert hand_in(*values) == [None, None]
        assert not is_announced()
        visitor("reader").get(path, 404)
    assert hand_in("3.2e0", "-1e99", 1e12) == [3.2, -1e99, 1e12]
    assert is_announced()
    picture = imagecodecs.png_decode(visitor("reader").get(path).data)
    assert (picture == (30, 90, 160)).all(axis=2).any()


def test_groups_and_pictures_for_clients_of_the_java_server(
    app: Flask, visitor: As, admin: Visitor, acquired: int, recorded: str, tmp_path: Path
) -> None:
    folder = tmp_path / "open" / "MX1"
    folder.mkdir(parents=True)
    services = app.extensions["tmserver"]
    opened = {"facility_roots": (tmp_path / "open",)}
    services.settings = services.settings.model_copy(update=opened)
    pictures = {name: folder / f"{name}.png" for name in ("movie", "motion", "ctf", "drift")}
    for name, path in pictures.items():
        path.write_bytes(name.encode())
    movie = {
        "movieNumber": 1,
        "micrographSnapshotFullPath": str(pictures["movie"]),
        "MotionCorrection": {
            "micrographSnapshotFullPath": str(pictures["motion"]),
            "driftPlotFullPath": str(pictures["drift"]),
        },
        "CTF": {"spectraImageThumbnailFullPath": str(pictures["ctf"])},
    }
    visitor("owner").post(recorded, {"movies": [movie]})
    admin.patch("/options", {"enable_legacy_routes": True})
    reader, nobody = visitor("reader"), anybody(app)
    given = {"plugin": "database", "login": "reader", "password": PASSWORD}
    token = nobody.post("/auth/login", given, 201)["token"]

    def ask(by_header: str, by_token: str) -> list[dict[str, Any]]:
        answer = reader.get(f"/legacy{by_header}")
        assert nobody.get(f"/legacy/{token}{by_token}") == answer
        nobody.get(f"/legacy{by_header}", 401)
        nobody.get(f"/legacy/x{by_token}", 401)
        assert isinstance(answer, list)
        return answer

    [event] = reader.get("/events")["results"]
    session = event["sessionId"]
    [group] = ask(
        f"/data_collections/groups/session/{session}", f"/proposal/session/{session}/list"
    )
    assert group["DataCollection_dataCollectionId"] == acquired
    assert (group["totalNumberOfDataCollections"], group["totalNumberOfImages"]) == (1, 1)
    of_movies = f"/em/proposal/MX1/session/{session}/data_collections/groups"
    [same] = ask(of_movies, f"/proposal/MX1/em/datacollection/session/{session}/list")
    assert [one["movieCount"] for one in same.pop("stats")] == [2]
    assert same == group
    elsewhere = of_movies.replace("MX1", "MX2")
    assert ask(elsewhere, f"/proposal/MX2/em/datacollection/session/{session}/list") == []
    none = f"/em/session/{session}/classification"
    assert ask(none, f"/proposal/MX1{none}") == []

    listed = f"/legacy/em/proposal/MX1/datacollection/{acquired}/movies"
    first, second = (one["Movie_movieId"] for one in reader.get(listed))
    of = "/legacy/em/proposal/MX1/movie"
    by_token = f"/legacy/{token}/proposal/MX1/em/datacollection/{acquired}/movie"
    places = {
        "movie": ("thumbnail", "thumbnail"),
        "motion": ("thumbnail/motioncorrection", "motioncorrection/thumbnail"),
        "ctf": ("thumbnail/ctf", "ctf/thumbnail"),
        "drift": ("plot/motioncorrectiondrift", "motioncorrection/drift"),
    }
    missing = {"detail": "Movie thumbnail not found"}
    for name, (place, place_by_token) in places.items():
        assert reader.get(f"{of}/{first}/{place}") == str(pictures[name])
        answer = nobody.get(f"{by_token}/{first}/{place_by_token}")
        assert (answer.mimetype, answer.data) == ("image/png", name.encode())
        known = {"If-None-Match": answer.headers["ETag"]}
        address = f"{PREFIX}{by_token}/{first}/{place_by_token}"
        assert nobody.person.request("GET", address, headers=known).status_code == 304
        assert visitor("writer").get(f"{of}/{first}/{place}", 404) == missing
        assert reader.get(f"{of}/{second}/{place}", 404) == missing
        assert reader.get(f"{of.replace('MX1', 'MX2')}/{first}/{place}", 404) == missing
        assert nobody.get(f"{by_token}/{second}/{place_by_token}", 404) == missing
        nobody.get(f"{of}/{first}/{place}", 401)
        nobody.get(f"{by_token.replace(token, 'x')}/{first}/{place_by_token}", 401)
    thumbnail = f"{by_token}/{first}/thumbnail"
    other = tmp_path / "open" / "MX2"
    other.mkdir()
    pictures["movie"].rename(other / "movie.png")
    pictures["movie"].symlink_to(other / "movie.png")
    assert nobody.get(thumbnail, 404) == missing
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    missing_here = (
        "loop.png",
        "pipe.png",
        "folder.png",
        "n" * 300,
        "x.png/y.png",
        "loop.png/y.png",
    )
    for hidden in (
        f"{other}/movie.png",
        f"{folder}/../MX2/movie.png",
        "movie.png",
        *(f"{folder}/{name}" for name in missing_here),
    ):
        movie["micrographSnapshotFullPath"] = hidden
        visitor("owner").post(recorded, {"movies": [movie]})
        assert nobody.get(thumbnail, 404) == missing


def test_who_may_hand_in_movies(
    visitor: As,
    database: Database,
    people: dict[str, Person],
    experiment_id: int,
    recorded: str,
) -> None:
    sent = {"movies": MOVIES}
    assert visitor("writer").post(recorded, sent, 404) == {"detail": "Data collection not found"}
    user_id = people["stranger"].user_id
    assert user_id is not None
    with database.transaction() as session:
        share_experiment(session, experiment_id, user_id, write_access=True)
    visitor("stranger").post(recorded, sent, 403)
    bodies: list[dict[str, Any]] = [{"movies": []}, {"movies": [{"movieNumber": -1}]}, {}]
    for wrong in bodies:
        visitor("owner").post(recorded, wrong, 422)
    assert visitor("reader").post(recorded, sent) == {"added": 0, "changed": 2}


# the other database has one writer at a time
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_who_hand_in_the_same_movie_at_once_both_are_kept(
    visitor: As, database: Database, acquired: int, recorded: str
) -> None:
    waits = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    more = [{"movieNumber": number, "CTF": {"resolutionLimit": "3.2"}} for number in (2, 3)]
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            records = [
                MovieRecord(2, {}, None, {"resolutionLimit": "9"}),
                MovieRecord(3, {}, {"patchesUsed": "5"}, None),
            ]
            movies.record(session, Viewer(0, sees_all=True, changes_all=True), acquired, records)
            second = pool.submit(visitor("owner").post, recorded, {"movies": more})
            while not (session.scalar(waits) or second.done()):
                pass
        assert second.result() == {"added": 0, "changed": 2}
    page = visitor("owner").get("/datacollections/quality", dataCollectionId=acquired)
    assert page["results"][0]["method2Res"] == [None, 3.2, 3.2]
    with database.session() as session:
        last = select(Movie.motion_correction).where(Movie.number == 3)
        assert session.scalar(last) == {"patchesUsed": "5"}


def test_movies_are_told_where_it_is_switched_on(visitor: As) -> None:
    for path in (
        "/em/proposal/MX1/datacollection/1/movies",
        "/em/session/1/stats",
        "/em/proposal/MX1/data_collections/1/stats",
        "/em/proposal/MX1/data_collections_group/1/stats",
        "/proposal/MX1/data_collections/1/stats",
        "/proposal/MX1/data_collections_group/1/stats",
        "/x/proposal/MX1/em/datacollection/1/movie/all",
        "/x/proposal/MX1/em/session/1/stats",
        "/data_collections/groups/session/1",
        "/em/proposal/MX1/session/1/data_collections/groups",
        "/em/session/1/classification",
        "/em/proposal/MX1/movie/1/thumbnail",
        "/x/proposal/MX1/em/datacollection/1/movie/1/ctf/thumbnail",
    ):
        assert "is off" in visitor("owner").get(f"/legacy{path}", 404)["detail"]
