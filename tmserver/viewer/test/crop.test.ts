import { describe, expect, it, vi } from 'vitest';
import type { ChannelDisplay } from '../src/pixels/channels';
import type { IntensityTile, IntensityTiles } from '../src/pixels/intensity_tiles';
import { later } from './later';

// OpenLayers asks the browser what it can do when it is loaded.
vi.stubGlobal('navigator', { userAgent: 'node' });
vi.stubGlobal('ImageData', Array);
const { drawCrop } = await import('../src/pixels/crop');

const PLANE = { tpoint: 0, zplane: 0 };
const layer = { id: '1', version: '1', tpoint: 0, zplane: 0 };
const display = (visible: boolean) =>
  ({
    channel: { id: '1', layers: [layer] },
    visible,
    window: { min: 0, max: 1 },
    gamma: 1,
    colour: '#ffffff',
  }) as unknown as ChannelDisplay;

describe('a crop', () => {
  it('shows what was asked for last, also when what was asked for before comes later', async () => {
    const { promise, come } = later<IntensityTile>();
    const tiles = { get: () => promise } as unknown as IntensityTiles;
    const drawn = vi.fn();
    const canvas = { width: 0, getContext: () => ({ putImageData: drawn }) } as unknown as HTMLCanvasElement;
    const first = drawCrop(canvas, { left: 0, top: 0, size: 4 }, [display(true)], PLANE, tiles, 0);
    await drawCrop(canvas, { left: 0, top: 0, size: 8 }, [display(false)], PLANE, tiles, 0);
    come(new Uint16Array(256 * 256));
    await first;
    expect(canvas.width).toBe(8);
    expect(drawn).not.toHaveBeenCalled();

    await drawCrop(canvas, { left: 0, top: 0, size: 4 }, [display(true)], PLANE, tiles, 0);
    expect(canvas.width).toBe(4);
    expect(drawn).toHaveBeenCalledOnce();
  });
});
