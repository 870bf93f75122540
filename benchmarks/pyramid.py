"""Building the pyramid of a map: against ``vips dzsave`` and the ome-zarr writer.

The map is simulated cells of 16 bit. Ours and the ome-zarr writer make OME-Zarr of 16 bit without
loss; vips makes JPEG tiles of 8 bit from the same pixels in 8 bit, so half the bytes. Each runs in
a process of its own, whose peak memory is shown; rates count the pixels of the map in 16 bit, per
second of processor time. The last pixels of ours are checked against the map.
"""

import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import print_header, print_row

SITE = 1024
SIZES = (4, 8, 12)

Build = Callable[[Path, int], None]


def main() -> None:
    """Print a table of rates and peak memory."""
    builders: dict[str, Build] = {"tmserver": ours, "ome-zarr": ome_zarr}
    if shutil.which("vips"):
        builders["vips dzsave"] = dzsave
    print_header(["map", *(f"{name} MB/s (peak MB)" for name in builders), "ratios to ours"])
    for n_sites in SIZES:
        size = n_sites * SITE
        with tempfile.TemporaryDirectory() as folder:
            # also in a process of its own: the peak of this one counts for its children
            measure(write_sites, Path(folder), n_sites)
            results = [measure(build, Path(folder), n_sites) for build in builders.values()]
        megabytes = size * size * 2 / 1e6
        rates = [megabytes / seconds for seconds, _ in results]
        cells = [f"{rate:.0f} ({peak:.0f})" for rate, (_, peak) in zip(rates, results, strict=True)]
        ratios = ", ".join(f"{rates[0] / rate:.1f}" for rate in rates[1:])
        print_row([f"{size} x {size}", *cells, ratios])


def write_sites(folder: Path, n_sites: int) -> None:
    """Write the sites of a square map: blobs, noise, camera offset; for vips as one 8-bit file."""
    import tifffile

    rng = np.random.default_rng(0)
    whole = np.lib.format.open_memmap(
        folder / "map.npy", mode="w+", dtype=np.uint16, shape=(n_sites * SITE, n_sites * SITE)
    )
    for y in range(n_sites):
        for x in range(n_sites):
            blobs = np.kron(rng.random((64, 64)) > 0.8, np.ones((SITE // 64, SITE // 64)))
            pixels = blobs * 2000 + rng.normal(200, 12, blobs.shape)
            whole[y * SITE : (y + 1) * SITE, x * SITE : (x + 1) * SITE] = pixels.clip(0, 65535)
    whole.flush()
    tifffile.imwrite(folder / "map.tif", (whole >> 4).astype(np.uint8), bigtiff=True)


def measure(build: Build, folder: Path, n_sites: int) -> tuple[float, float]:
    """Processor time in seconds and peak memory in MB of a build in a new process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(partial(_observed, build, folder, n_sites))


def _observed(build: Build, folder: Path, n_sites: int) -> tuple[float, float]:
    before = sum(os.times()[:4])
    build(folder, n_sites)
    spent = sum(os.times()[:4]) - before
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return spent, max(one.ru_maxrss for one in usage) / 1024


def read_site(folder: Path, y: int, x: int) -> NDArray[np.uint16]:
    """The pixels of one site, as they come from a channel image."""
    whole = np.load(folder / "map.npy", mmap_mode="r", allow_pickle=False)
    return np.array(whole[y : y + SITE, x : x + SITE])  # a copy, the mapping ends here


def ours(folder: Path, n_sites: int) -> None:
    """Region by region, as the jobs of step illuminati do; what is read is not kept mapped."""
    from tmlib.images import mosaics

    path = folder / "ours.ome.zarr"
    size = n_sites * SITE
    mosaics.create_mosaic(path, height=size, width=size, dtype="uint16", name="cells")
    images = [
        mosaics.PlacedImage(y, x, SITE, SITE, partial(read_site, folder, y, x))
        for y in range(0, size, SITE)
        for x in range(0, size, SITE)
    ]
    for region in mosaics.base_regions(size, size):
        reaching = [
            image
            for image in images
            if image.y < region.y + region.height
            and region.y < image.y + SITE
            and image.x < region.x + region.width
            and region.x < image.x + SITE
        ]
        mosaics.write_base(path, region, reaching)
    n_levels = len(mosaics.level_shapes(size, size))
    for level in reversed(range(n_levels - 1)):
        for region in mosaics.level_regions(size, size, level):
            mosaics.write_level(path, level, region)
    last = mosaics.read_tile(path, z=n_levels - 1, y=size // 256 - 1, x=size // 256 - 1)
    if last is None or not np.array_equal(
        last, read_site(folder, size - SITE, size - SITE)[-256:, -256:]
    ):
        raise AssertionError("the pyramid does not show the map")


def ome_zarr(folder: Path, n_sites: int) -> None:
    """What the field's reference writer does with the whole map."""
    import zarr
    from ome_zarr.writer import write_image

    whole = np.load(folder / "map.npy", mmap_mode="r", allow_pickle=False)
    write_image(whole, zarr.open_group(folder / "reference.ome.zarr", mode="w"), axes="yx")


def dzsave(folder: Path, n_sites: int) -> None:
    """What libvips does."""
    command = ["vips", "dzsave", str(folder / "map.tif"), str(folder / "vips")]
    command += ["--suffix", ".jpg[Q=95]"]
    subprocess.run([*command, "--tile-size", "256", "--overlap", "0"], check=True)  # noqa: S603 - fixed words
