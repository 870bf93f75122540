import { describe, expect, it, vi } from 'vitest';

// OpenLayers asks the browser what it can do when it is loaded.
vi.stubGlobal('navigator', { userAgent: 'node' });
const { blend } = await import('../src/pixels/canvas_layer');
const { interleave } = await import('../src/pixels/webgl_layer');

const PLAIN = { gain: 1, offset: 0 };

describe('blend', () => {
  it('adds the channels in their colours and stops at full brightness', () => {
    const planes = [new Uint8Array([255, 0, 255]), new Uint8Array([0, 255, 255])];
    const pixels = blend(planes, [
      { ...PLAIN, rgb: [255, 0, 100] },
      { ...PLAIN, rgb: [0, 255, 200] },
    ]);
    expect([...pixels]).toEqual([255, 0, 100, 255, 0, 255, 200, 255, 255, 255, 255, 255]);
  });

  it('clips each channel to its window before adding', () => {
    const planes = [new Uint8Array([0, 255])];
    const pixels = blend(planes, [{ gain: 3, offset: -1, rgb: [80, 80, 80] }]);
    expect([...pixels]).toEqual([0, 0, 0, 255, 80, 80, 80, 255]);
  });
});

describe('interleave', () => {
  it('puts the bands of a pixel side by side', () => {
    const packed = interleave([new Uint8Array([1, 2]), new Uint8Array([3, 4]), new Uint8Array([5, 6])]);
    expect([...packed]).toEqual([1, 3, 5, 2, 4, 6]);
  });
});
