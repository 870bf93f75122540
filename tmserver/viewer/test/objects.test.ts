import { describe, expect, it } from 'vitest';
import type { MapobjectType } from '../src/api_types';
import { objectDisplays, segmentationLayerAt } from '../src/objects/objects';

function type(name: string, ...layers: [number | null, number | null][]): MapobjectType {
  return {
    id: name,
    name,
    features: [],
    layers: layers.map(([tpoint, zplane]) => ({
      id: `${tpoint} ${zplane}`,
      tpoint,
      zplane,
      image_size: { width: 3000, height: 2000 },
    })),
  };
}

describe('objectDisplays', () => {
  it('shows what was segmented, and the layout on request', () => {
    const displays = objectDisplays(['Plates', 'Wells', 'Cells', 'Nuclei'].map((name) => type(name)));
    expect(displays.map((display) => [display.type.name, display.visible])).toEqual([
      ['Nuclei', true],
      ['Cells', true],
      ['Plates', false],
      ['Wells', false],
    ]);
  });
});

describe('segmentationLayerAt', () => {
  it('finds the outlines of the time point and z-plane', () => {
    const cells = type('Cells', [0, 0], [1, 0], [1, 1]);
    expect(segmentationLayerAt(cells, { tpoint: 1, zplane: 1 })?.id).toBe('1 1');
    expect(segmentationLayerAt(cells, { tpoint: 2, zplane: 0 })).toBeUndefined();
  });

  it('shows the layout at all of them', () => {
    expect(segmentationLayerAt(type('Wells', [null, null]), { tpoint: 3, zplane: 2 })).toBeDefined();
  });
});
