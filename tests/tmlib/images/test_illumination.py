from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.sample.camera import CAMERA_OFFSET, Optics, expose
from tmlib.sample.scene import Scene, simulate_scene

SIZE = 256
OPTICS = Optics(signal=2600, background=160, haze=0.12, maximum=(0.42, 0.57), falloff=0.45)


def take_up(images: Sequence[NDArray[Any]]) -> IlluminationStatistics:
    statistics = IlluminationStatistics(*images[0].shape)
    for image in images:
        statistics.update(image)
    return statistics


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [simulate_scene(np.random.default_rng([1, i]), SIZE, SIZE) for i in range(36)]


def photographs(
    scenes: Sequence[Scene], optics: Optics, channel: str = "dna"
) -> list[NDArray[np.uint16]]:
    return [
        expose(np.random.default_rng([2, i]), getattr(scene, channel), optics)
        for i, scene in enumerate(scenes)
    ]


def unevenness(pixels: NDArray[Any]) -> float:
    return pixels.std() / pixels.mean()


def even_targets(optics: Optics) -> list[NDArray[Any]]:
    """What a camera sees of an evenly stained slide, dim and bright."""
    light = optics.illumination(SIZE, SIZE)
    return [
        np.rint(CAMERA_OFFSET + level * light).astype(np.uint16)
        for level in (optics.background, optics.signal)
    ]


@given(st.integers(0, 1000), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 6))
@settings(max_examples=8, deadline=None)
def test_statistics_are_those_of_all_images_together(
    seed: int, dtype: type[np.integer[Any]], n_images: Any
) -> None:
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, np.iinfo(dtype).max, (8, 9)).astype(dtype) for _ in range(n_images)]
    statistics = take_up(images)
    logarithms = np.log10(np.maximum(images, 1).astype(float))
    assert statistics.n_images == n_images
    assert np.allclose(statistics.mean, logarithms.mean(0))
    expected = logarithms.std(0, ddof=1) if n_images > 1 else np.zeros((8, 9))
    assert np.allclose(statistics.std, expected, atol=1e-7)
    for percent in (0, 0.001, 12.5, 50, 99.9, 100):
        assert (
            abs(
                statistics.percentile(percent)
                - np.mean([np.percentile(i, percent) for i in images])
            )
            <= 1
        )


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_batches_can_be_merged(sizes: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 999, (6, 7)).astype(np.uint16) for _ in range(sum(sizes))]
    together = take_up(images)
    merged = IlluminationStatistics(6, 7)
    for end in np.cumsum(sizes):
        merged.merge(take_up(images[end - sizes[list(np.cumsum(sizes)).index(end)] : end]))
    merged.merge(IlluminationStatistics(6, 7))
    assert merged.n_images == together.n_images
    assert np.allclose(merged.mean, together.mean)
    assert np.allclose(merged.std, together.std, atol=1e-7)
    assert abs(merged.percentile(90) - together.percentile(90)) <= 1


def test_noise_is_what_images_do_not_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.uniform(1, 3, (100, 100))
    images = [
        np.rint(10 ** (shared + rng.normal(0, 0.2, shared.shape))).astype(np.uint16)
        for _ in range(16)
    ]
    noise = take_up(images).noise
    assert abs(np.std(noise) / (0.2 / 4) - 1) < 0.1
    assert abs(np.corrcoef(noise.ravel(), shared.ravel())[0, 1]) < 0.05
    assert not take_up(images[:1]).noise.any()


def test_statistics_survive_a_file(tmp_path: Path, scenes: list[Scene]) -> None:
    statistics = take_up(photographs(scenes[:6], OPTICS))
    path = tmp_path / "illumination" / "channel_1.npz"
    statistics.save(path)
    loaded = IlluminationStatistics.load(path)
    assert loaded.n_images == 6
    assert np.allclose(loaded.mean, statistics.mean, atol=1e-6)
    assert np.allclose(loaded.std, statistics.std, atol=1e-6)
    assert np.allclose(loaded.noise, statistics.noise, atol=1e-6)
    assert loaded.percentile(99.9) == statistics.percentile(99.9)
    assert [p.name for p in path.parent.iterdir()] == ["channel_1.npz"]
    image = photographs(scenes[6:7], OPTICS)[0]
    corrected = IlluminationCorrection.from_statistics(statistics).correct(image)
    assert (
        np.abs(IlluminationCorrection.load(path).correct(image) - corrected.astype(int)).max() <= 1
    )


@pytest.mark.parametrize("change", ["text", "version", "pickle", "missing"])
def test_other_files_are_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "channel_1.npz"
    IlluminationStatistics(4, 4).save(path)
    content = dict(np.load(path))
    if change == "text":
        path.write_text("hello")
    else:
        if change == "version":
            content["version"] = np.array(99)
        if change == "pickle":
            content["mean"] = np.array([{}], dtype=object)
        if change == "missing":
            del content["mean"]
        np.savez(path, **content)
    with pytest.raises(BadInput, match=r"channel_1\.npz"):
        IlluminationStatistics.load(path)


@pytest.mark.parametrize("channel", ["dna", "body"])
def test_light_becomes_even_with_enough_images(scenes: list[Scene], channel: str) -> None:
    images = photographs(scenes, OPTICS, channel)
    correction = IlluminationCorrection.from_statistics(take_up(images))
    dim, bright = even_targets(OPTICS)
    assert unevenness(correction.correct(bright)) < 0.85 * unevenness(bright)
    assert unevenness(correction.correct(dim)) < 0.85 * unevenness(dim)


@pytest.mark.parametrize("channel", ["dna", "body"])
@pytest.mark.parametrize("falloff", [0.45, 0.0])
def test_few_images_never_make_it_worse(scenes: list[Scene], channel: str, falloff: Any) -> None:
    optics = replace(OPTICS, falloff=falloff)
    images = photographs(scenes, optics, channel)
    for n_images in (1, 2, 4, 8, 16):
        for start in range(0, len(images) - n_images, 16):
            statistics = take_up(images[start : start + n_images])
            correction = IlluminationCorrection.from_statistics(statistics)
            for target in even_targets(optics):
                assert unevenness(correction.correct(target)) <= unevenness(target) + 0.02


def test_many_images_correct_contrast_as_well() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.05, 0.2, 64)[None, :]
    images = [
        np.rint(10 ** (3 + ramp * rng.normal(0, 1, (64, 64)))).astype(np.uint16) for _ in range(300)
    ]
    correction = IlluminationCorrection.from_statistics(take_up(images))
    spread = np.std([np.log10(correction.correct(image)) for image in images], axis=0)
    left, right = spread[:, :16].mean(), spread[:, -16:].mean()
    assert right < 1.2 * left


def ramp_statistics() -> IlluminationStatistics:
    """Light that is twice as bright on the right, without any noise."""
    image = np.tile(np.rint(np.linspace(100, 200, 64)), (64, 1)).astype(np.uint8)
    return take_up([image] * 8)


def test_corrected_images_stay_in_their_range() -> None:
    correction = IlluminationCorrection.from_statistics(ramp_statistics())
    white, black = np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8)
    assert correction.correct(white).dtype == np.uint8
    assert correction.correct(white)[:, 0].min() == 255
    assert correction.correct(white)[:, -1].max() < 255
    assert (correction.correct(black) == 0).all()
    deep = np.full((64, 64), 65535, np.uint16)
    assert correction.correct(deep).dtype == np.uint16
    assert correction.correct(deep)[:, 0].min() == 65535


def test_images_of_another_size_are_refused() -> None:
    statistics = ramp_statistics()
    other = np.zeros((32, 64), np.uint8)
    with pytest.raises(BadInput, match="32 x 64"):
        statistics.update(other)
    with pytest.raises(BadInput, match="32 x 64"):
        statistics.merge(IlluminationStatistics(32, 64))
    with pytest.raises(BadInput, match="32 x 64"):
        IlluminationCorrection.from_statistics(statistics).correct(other)
    with pytest.raises(BadInput, match="101"):
        statistics.percentile(101)


def test_a_known_camera_offset_is_no_light() -> None:
    rng = np.random.default_rng(5)
    light = OPTICS.illumination(SIZE, SIZE)
    offset = 110
    images = [
        np.rint(offset + light * 200 * rng.lognormal(0, 0.1, light.shape)).astype(np.uint16)
        for _ in range(8)
    ]
    even = [np.rint(offset + level * light).astype(np.uint16) for level in (100, 20_000)]
    residuals = {}
    for known in (0, offset):
        statistics = IlluminationStatistics(SIZE, SIZE, known)
        for image in images:
            statistics.update(image)
        correction = IlluminationCorrection.from_statistics(statistics)
        residuals[known] = [unevenness(correction.correct(target) - offset) for target in even]
        assert correction.flatness(statistics)[1] < correction.flatness(statistics)[0] / 5
    assert max(residuals[offset]) < 0.01
    assert max(residuals[0]) > 0.03
    dark = np.full((SIZE, SIZE), offset, np.uint16)
    assert (correction.correct(dark) == offset).all()
    assert correction.correct(np.zeros_like(dark)).max() <= offset


def test_images_of_the_same_cells_count_for_percentiles_only() -> None:
    rng = np.random.default_rng(6)
    first, later = rng.integers(1, 999, (2, 9, 9)).astype(np.uint16)
    statistics = IlluminationStatistics(9, 9)
    statistics.update(first)
    statistics.update_percentiles(later)
    other = IlluminationStatistics(9, 9)
    other.update_percentiles(later)
    other.merge(take_up([first]))
    for found in (statistics, other):
        assert found.n_images == 1
        assert np.allclose(found.mean, np.log10(first))
        assert found.percentile(50) == int(np.mean([np.median(first), np.median(later)]))
