import { describe, expect, it } from 'vitest';
import type { Channel } from '../src/api_types';
import { bandsServe, paintOf, tilePath, wantedBands } from '../src/pixels/bands';
import { channelDisplays, defaultColours, planes, rgb } from '../src/pixels/channels';

function channel(name: string, nLayers = 1): Channel {
  return {
    id: `id of ${name}`,
    name,
    wavelength: name,
    bit_depth: 16,
    layers: Array.from({ length: nLayers }, (_, zplane) => ({
      id: `${name}${zplane}=`,
      experiment_id: 'MQ==',
      version: 'a b',
      tiles: '',
      max_zoom: 4,
      tpoint: 0,
      zplane,
      min_intensity: 100,
      max_intensity: 5000,
      image_size: { width: 3000, height: 2000 },
      pixel_size: null,
    })),
  };
}

const PLANE = { tpoint: 0, zplane: 0 };

describe('default settings', () => {
  it('makes DNA blue wherever it stands, and no two of the first channels alike', () => {
    const colours = defaultColours(['actin', 'DAPI', 'tubulin']);
    expect(colours[1]).toBe('#4f7dff');
    expect(new Set(colours).size).toBe(3);
  });

  it('shows a single channel in gray', () => {
    expect(new Set(rgb(defaultColours(['DNA'])[0] ?? '')).size).toBe(1);
  });

  it('starts with three channels in the window of the server', () => {
    const displays = channelDisplays(['a', 'b', 'c', 'd'].map((name) => channel(name)));
    expect(displays.map((display) => display.visible)).toEqual([true, true, true, false]);
    expect(displays[0]?.window).toEqual({ min: 100, max: 5000 });
  });

  it('leaves out channels without images', () => {
    expect(channelDisplays([channel('a', 0), channel('b')])).toHaveLength(1);
  });
});

describe('planes', () => {
  it('lists each time point and z-plane once', () => {
    expect(planes([channel('a', 3), channel('b', 2)])).toEqual({ tpoints: [0], zplanes: [0, 1, 2] });
  });
});

describe('bands', () => {
  it('fetches the visible channels of the plane on show', () => {
    const displays = channelDisplays([channel('a', 2), channel('b', 1), channel('c', 2)]);
    const [first] = displays;
    if (first) first.visible = false;
    const wanted = wantedBands(displays, { tpoint: 0, zplane: 1 });
    expect(wanted.map((band) => band.layerId)).toEqual(['c1=']);
  });

  it('has tiles whose address names the version of the layer and nothing of how it is shown', () => {
    const displays = channelDisplays([channel('a')]);
    const path = () => {
      const [band] = wantedBands(displays, PLANE);
      return band && tilePath('MQ==', band, 3, 1, 2);
    };
    const layer = 'api/experiments/MQ%3D%3D/channel_layers/a0%3D';
    expect(path()).toBe(`${layer}/tiles?x=1&y=2&z=3&format=png16&version=a%20b`);
    for (const display of displays) Object.assign(display, { window: { min: 0, max: 900 }, gamma: 2 });
    expect(path()).toBe(`${layer}/tiles?x=1&y=2&z=3&format=png16&version=a%20b`);
  });

  it('fetches another version of a layer', () => {
    const [band] = wantedBands(channelDisplays([channel('a')]), PLANE);
    if (!band) throw new Error('There is one channel.');
    const changed = { ...band, version: 'another' };
    expect(bandsServe([band], [changed])).toBe(false);
    expect(bandsServe([changed], [changed])).toBe(true);
  });

  it('needs nothing new when a channel goes off, but when one comes on', () => {
    const displays = channelDisplays([channel('a'), channel('b')]);
    const both = wantedBands(displays, PLANE);
    const one = both.slice(0, 1);
    expect(bandsServe(both, one)).toBe(true);
    expect(bandsServe(one, both)).toBe(false);
  });

  it('paints a channel that is off black', () => {
    const displays = channelDisplays([channel('a')]);
    const [band] = wantedBands(displays, PLANE);
    const [display] = displays;
    if (!band || !display) throw new Error('There is one channel.');
    expect(paintOf(band, displays).rgb).toEqual(rgb(display.colour));
    display.visible = false;
    expect(paintOf(band, displays).rgb).toEqual([0, 0, 0]);
  });
});
