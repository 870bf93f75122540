import { describe, expect, it } from 'vitest';
import { autoWindow, brightness, histogram, isSaturated, tidyWindow, windowServes } from '../src/pixels/contrast';

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

describe('windowServes', () => {
  it('needs no new tiles where every intensity has a gray level of its own', () => {
    expect(windowServes({ min: 0, max: 255 }, { min: 10, max: 80 })).toBe(true);
  });

  it('needs new tiles for a narrower window of many intensities', () => {
    expect(windowServes({ min: 0, max: 4000 }, { min: 0, max: 1000 })).toBe(false);
  });

  it('needs new tiles where something was cut off', () => {
    expect(windowServes({ min: 50, max: 200 }, { min: 40, max: 200 })).toBe(false);
    expect(windowServes({ min: 50, max: 200 }, { min: 50, max: 201 })).toBe(false);
  });
});

describe('brightness', () => {
  it('shows an intensity the same whatever window its tile was made for', () => {
    const shown = { min: 500, max: 1500 };
    for (const fetched of [shown, { min: 0, max: 2000 }, { min: 800, max: 1300 }]) {
      const gray = (1000 - fetched.min) / (fetched.max - fetched.min);
      const { gain, offset } = brightness(fetched, shown);
      expect(gray * gain + offset).toBeCloseTo(0.5);
    }
  });
});

describe('autoWindow', () => {
  const levels = (...counts: [gray: number, count: number][]) =>
    histogram(counts.map(([gray, count]) => new Uint8Array(count).fill(gray)));

  it('spans what was imaged and ignores the black around it', () => {
    const counts = levels([0, 100_000], [20, 500], [51, 500]);
    expect(autoWindow(counts, { min: 0, max: 2550 }, 65_535)).toEqual({ min: 200, max: 510 });
  });

  it('is not led astray by a few hot pixels', () => {
    const counts = levels([10, 5000], [100, 5000], [250, 3]);
    expect(autoWindow(counts, { min: 0, max: 255 }, 255)).toEqual({ min: 10, max: 100 });
  });

  it('gives nothing where nothing was imaged', () => {
    expect(autoWindow(levels([0, 1000]), { min: 0, max: 255 }, 255)).toBeNull();
  });

  it('knows when the upper end was cut off', () => {
    expect(isSaturated(levels([10, 900], [255, 100]))).toBe(true);
    expect(isSaturated(levels([10, 10_000], [255, 3]))).toBe(false);
  });
});
