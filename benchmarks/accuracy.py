"""How far results are from the truth, on simulated images whose truth is known.

Prints the tables of ``docs/accuracy.md``.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.timing import print_header, print_row
from tmlib.images.alignment import measure_shift
from tmlib.images.camera_offset import CameraOffset
from tmlib.images.exposures import Exposures, Levels
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline
from tmlib.sample.camera import CAMERA_OFFSET, Optics, expose
from tmlib.sample.scene import Scene, simulate_scene

DENSITIES = {"sparse": 25, "medium": 80, "dense": None}
"""Nuclei per site of 512 x 512 pixels; as many as there is room for if None."""

SIGNALS = {"bright": 2600.0, "dim": 520.0, "very dim": 130.0}
"""Counts of a nucleus of average brightness, above a background of 160."""

N_IMAGES = (4, 16, 64, 256)

SIZE = 512
MARGIN = 48

Pixels = NDArray[np.uint16]


def optics(signal: float) -> Optics:
    return Optics(signal=signal, background=160, haze=0.12, maximum=(0.42, 0.57), falloff=0.45)


def scenes(n: int, size: int, n_nuclei: int | None, seed: int) -> Iterable[Scene]:
    return (
        simulate_scene(np.random.default_rng([seed, i]), size, size, n_nuclei) for i in range(n)
    )


def f1_score(truth: NDArray[np.int32], found: NDArray[np.int32], min_iou: float) -> float:
    """F1 of objects, which match when they share at least this much of their union."""
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(
        np.column_stack((truth[both], found[both])), axis=0, return_counts=True
    )
    areas = np.bincount(truth.ravel()), np.bincount(found.ravel())
    union = areas[0][pairs[:, 0]] + areas[1][pairs[:, 1]] - shared
    matched = np.count_nonzero(shared / union >= min_iou)
    total = sum(np.count_nonzero(each[1:]) for each in areas)
    return 2 * matched / total if total else 1.0


def nuclei(n_sites: int = 6) -> None:
    """F1 of nuclei, whose light was corrected from the same few images."""
    project = nuclei_and_cells("DNA")
    rows = []
    for density, n_nuclei in DENSITIES.items():
        known = list(scenes(n_sites, SIZE, n_nuclei, seed=1))
        for name, signal in SIGNALS.items():
            images = [
                expose(np.random.default_rng([2, i]), scene.dna, optics(signal))
                for i, scene in enumerate(known)
            ]
            correction = IlluminationCorrection.from_statistics(statistics(images))
            scores = []
            for scene, image in zip(known, images, strict=True):
                found = run_pipeline(project, {"DNA": correction.correct(image)})["Nuclei"].labels
                scores.append([f1_score(scene.nuclei, found, iou) for iou in (0.5, 0.7)])
            mean, worst = np.mean(scores, axis=0), np.min(scores, axis=0)
            rows.append(
                (
                    density,
                    f"{np.mean([scene.nuclei.max() for scene in known]):.0f}",
                    name,
                    f"{mean[0]:.3f}",
                    f"{worst[0]:.3f}",
                    f"{mean[1]:.3f}",
                )
            )
    table(
        ("density", "nuclei per site", "stain", "F1", "F1 of the worst site", "F1 at IoU 0.7"), rows
    )


def statistics(images: Sequence[Pixels], camera_offset: int = 0) -> IlluminationStatistics:
    height, width = images[0].shape
    taken = IlluminationStatistics(height, width, camera_offset)
    for image in images:
        taken.update(image)
    return taken


def illumination(size: int = SIZE) -> None:
    """Unevenness of an evenly stained slide after correction, above what the camera reads."""
    light = optics(1).illumination(size, size)
    images = [
        expose(np.random.default_rng([4, i]), scene.dna, optics(2600))
        for i, scene in enumerate(scenes(max(N_IMAGES), size, None, seed=3))
    ]
    rows = [("0", "-", *(f"{100 * light.std() / light.mean():.1f} %" for _ in range(2)))]
    for n in N_IMAGES:
        estimate = CameraOffset()
        for image in images[:n]:
            estimate.add(image)
        given = int(CAMERA_OFFSET)
        for how, offset in (("estimated", estimate.estimate()), ("given", given)):
            correction = IlluminationCorrection.from_statistics(statistics(images[:n], offset))
            residuals = []
            for level in (160, 2600):
                target = np.rint(CAMERA_OFFSET + level * light).astype(np.uint16)
                corrected = correction.correct(target) - CAMERA_OFFSET
                residuals.append(f"{100 * corrected.std() / corrected.mean():.1f} %")
            rows.append((str(n), f"{offset} ({how})", *residuals))
    table(("images", "camera offset", "of the background", "of a bright stain"), rows)


def spoilt_images(size: int = SIZE, n_good: int = 64) -> None:
    """The same, where some images are black or saturated, and what it would be if these counted."""
    light = optics(1).illumination(size, size)
    good = [
        expose(np.random.default_rng([4, i]), scene.dna, optics(2600))
        for i, scene in enumerate(scenes(n_good, size, None, seed=3))
    ]
    black, white = np.zeros_like(good[0]), np.full_like(good[0], 65535)
    target = np.rint(CAMERA_OFFSET + 2600 * light).astype(np.uint16)

    def residual(images: Sequence[Pixels]) -> str:
        taken = statistics(images, int(CAMERA_OFFSET))
        correction = IlluminationCorrection.from_statistics(taken)
        corrected = correction.correct(target) - CAMERA_OFFSET
        return f"{100 * corrected.std() / corrected.mean():.1f} %"

    rows = []
    for n_black, n_saturated in ((0, 0), (4, 0), (20, 0), (20, 6), (100, 0)):
        images = [black] * n_black + [white] * n_saturated + good
        levels = [Levels.of(image) for image in images]
        exposures = Exposures(levels, int(CAMERA_OFFSET))
        kept = [
            image for image, one in zip(images, levels, strict=True) if exposures.fault(one) is None
        ]
        n_images = (str(n_good), str(n_black), str(n_saturated), str(len(images) - len(kept)))
        rows.append((*n_images, residual(kept), residual(images)))
    head = ("good", "black", "saturated", "left out", "of a bright stain", "if all counted")
    table(head, rows)


def alignment(n_sites: int = 8) -> None:
    """Distance of measured shifts from the true ones, which are no whole pixels."""
    rows = []
    inner = slice(MARGIN, MARGIN + SIZE)
    for density, n_nuclei in DENSITIES.items():
        known = list(scenes(n_sites, SIZE + 2 * MARGIN, n_nuclei, seed=5))
        for name, signal in SIGNALS.items():
            errors = []
            for i, scene in enumerate(known):
                true = np.random.default_rng([6, i]).uniform(-40, 40, 2)
                moved = ndimage.shift(scene.dna, -true, order=1)
                reference, image = (
                    expose(np.random.default_rng([7, i, k]), dna[inner, inner], optics(light))
                    for k, (dna, light) in enumerate(((scene.dna, 2600.0), (moved, signal)))
                )
                found = measure_shift(reference, image)
                errors.append(
                    (
                        max(abs(found.y - true[0]), abs(found.x - true[1])),
                        max(abs(found.whole.y - true[0]), abs(found.whole.x - true[1])),
                    )
                )
            mean, worst = np.mean(errors, axis=0), np.max(errors, axis=0)
            cells = (f"{mean[0]:.2f} px", f"{worst[0]:.2f} px", f"{worst[1]:.2f} px")
            rows.append((density, name, *cells))
    table(("density", "stain", "mean error", "largest error", "largest error as applied"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print_header(head)
    for row in rows:
        print_row(row)
    print()


def main() -> None:
    for title, print_table in (
        ("Nuclei", nuclei),
        ("Illumination", illumination),
        ("Illumination with spoilt images", spoilt_images),
        ("Alignment", alignment),
    ):
        print(f"## {title}")
        print_table()
