import { describe, expect, it } from 'vitest';
import { autoWindow, tidyWindow } from '../src/pixels/contrast';
import { gammaAt, gammaPlace } from '../src/pixels/contrast_slider';
import { addCounts, binned } from '../src/pixels/histogram';
import { describeCounts } from '../src/pixels/histogram_view';

/** Counts of all intensities of 16 bits. */
function counts(...given: [intensity: number, count: number][]): Uint32Array {
  const made = new Uint32Array(2 ** 16);
  for (const [intensity, count] of given) made[intensity] = count;
  return made;
}

describe('tidyWindow', () => {
  it('keeps whole numbers in order and inside the range', () => {
    expect(tidyWindow(12.4, 99.6, 255)).toEqual({ min: 12, max: 100 });
    expect(tidyWindow(-5, 70_000, 65_535)).toEqual({ min: 0, max: 65_535 });
  });

  it('leaves at least one step, also at the upper end', () => {
    expect(tidyWindow(40, 40, 255)).toEqual({ min: 40, max: 41 });
    expect(tidyWindow(255, 255, 255)).toEqual({ min: 254, max: 255 });
  });
});

describe('autoWindow', () => {
  it('spans what was imaged, to the single intensity', () => {
    expect(autoWindow(counts([203, 500], [511, 500]))).toEqual({ min: 203, max: 511 });
  });

  it('is not led astray by a few hot pixels', () => {
    expect(autoWindow(counts([10, 5000], [100, 5000], [60_000, 3]))).toEqual({ min: 10, max: 100 });
  });

  it('gives nothing where nothing was imaged', () => {
    expect(autoWindow(counts())).toBeNull();
  });
});

describe('histograms', () => {
  it('count the part of a tile that is on screen', () => {
    const tile = new Uint16Array(256 * 256).fill(7);
    tile[2 * 256 + 3] = 4000;
    const found = counts();
    addCounts(found, tile, { left: 3, top: 2, right: 5, bottom: 6 });
    expect([found[7], found[4000]]).toEqual([7, 1]);
  });

  it('are drawn in bins of equal width up to the end of the slider', () => {
    expect([...binned(counts([0, 1], [99, 2], [100, 4], [400, 8], [401, 16]), 400, 4)]).toEqual([3, 4, 0, 8]);
  });

  it('are told in words', () => {
    expect(describeCounts(counts([5, 10], [90, 3]))).toBe(
      'Intensities in view: 5 to 90, half of them up to 5',
    );
    expect(describeCounts(counts())).toBe('Nothing of this channel is in view');
  });
});

describe('gamma', () => {
  it('is 1 in the middle of its slider, and comes back from where it stands', () => {
    expect(gammaAt(0)).toBe(1);
    for (const gamma of [0.2, 0.5, 3]) expect(gammaAt(gammaPlace(gamma))).toBe(gamma);
  });
});
