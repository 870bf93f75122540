import { encode } from 'fast-png';
import { describe, expect, it, vi } from 'vitest';

// OpenLayers asks the browser what it can do when it is loaded.
vi.stubGlobal('navigator', { userAgent: 'node' });
const { blend } = await import('../src/pixels/canvas_layer');
const { interleave } = await import('../src/pixels/webgl_layer');
const { decodeTile } = await import('../src/pixels/decode_worker');

/** Shows intensities from 0 to 1000. */
const PLAIN = { gain: 1 / 1000, offset: 0, gamma: 1 };

describe('blend', () => {
  it('adds the channels in their colours and stops at full brightness', () => {
    const planes = [new Uint16Array([1000, 0, 1000]), new Uint16Array([0, 1000, 1000])];
    const pixels = blend(planes, [
      { ...PLAIN, rgb: [255, 0, 100] },
      { ...PLAIN, rgb: [0, 255, 200] },
    ]);
    expect([...pixels]).toEqual([255, 0, 100, 255, 0, 255, 200, 255, 255, 255, 255, 255]);
  });

  it('clips each channel to its window before adding', () => {
    const planes = [new Uint16Array([0, 1000])];
    const pixels = blend(planes, [{ ...PLAIN, gain: 3 / 1000, offset: -1, rgb: [80, 80, 80] }]);
    expect([...pixels]).toEqual([0, 0, 0, 255, 80, 80, 80, 255]);
  });

  it('raises the brightness to the power of gamma', () => {
    const planes = [new Uint16Array([250, 1000])];
    const pixels = blend(planes, [{ ...PLAIN, gamma: 0.5, rgb: [200, 0, 0] }]);
    expect([...pixels]).toEqual([100, 0, 0, 255, 200, 0, 0, 255]);
  });
});

describe('interleave', () => {
  it('puts the bands of a pixel side by side', () => {
    const tiles = [new Uint16Array([1, 2]), new Uint16Array([3, 4]), new Uint16Array([5, 65_535])];
    expect([...interleave(tiles)]).toEqual([1, 3, 5, 2, 4, 65_535]);
  });
});

describe('decodeTile', () => {
  const png = (data: Uint8Array | Uint16Array, depth: 8 | 16) =>
    new Uint8Array(encode({ width: 2, height: 1, data, channels: 1, depth })).buffer;

  it('gives all 16 bits of each pixel', () => {
    expect(decodeTile(png(new Uint16Array([3, 40_001]), 16))).toEqual(new Uint16Array([3, 40_001]));
  });

  it('gives nothing for what is no image of 16 bits', () => {
    expect(decodeTile(png(new Uint8Array([3, 4]), 8))).toBeNull();
    expect(decodeTile(new TextEncoder().encode('no image').buffer)).toBeNull();
  });
});
