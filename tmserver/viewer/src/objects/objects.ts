/** The mapobject types of an experiment as the user has set them. */

import type { MapobjectType, SegmentationLayer } from '../api_types';
import type { Plane } from '../pixels/channels';

/** A mapobject type and its display settings. */
export interface ObjectDisplay {
  readonly type: MapobjectType;
  /** Plates, wells and sites: part of the layout, not found in the images. */
  readonly isStatic: boolean;
  visible: boolean;
  /** `#rrggbb` */
  colour: string;
}

const STATIC_COLOURS = new Map([
  ['Plates', '#8c97a8'],
  ['Wells', '#7d8fa6'],
  ['Sites', '#64748b'],
]);

/** Light colours: they have to be seen on every channel colour. */
const COLOURS = ['#ffe27a', '#ffffff', '#ffa8c9', '#9ff5e1', '#c9b8ff', '#ffbf8a'];

/** Types that were segmented come first and are on; the layout follows and is off. */
export function objectDisplays(types: readonly MapobjectType[]): ObjectDisplay[] {
  const segmented = types
    .filter((type) => !STATIC_COLOURS.has(type.name))
    // Nuclei before the cells around them, whatever the order of their ids.
    .sort((a, b) => Number(/nucle/i.test(b.name)) - Number(/nucle/i.test(a.name)))
    .map((type, index) => ({
      type,
      isStatic: false,
      visible: true,
      colour: COLOURS[index % COLOURS.length] ?? '#ffffff',
    }));
  const layout = types.flatMap((type) => {
    const colour = STATIC_COLOURS.get(type.name);
    return colour === undefined ? [] : [{ type, isStatic: true, visible: false, colour }];
  });
  return [...segmented, ...layout];
}

/** The outlines that hold for a time point and z-plane. */
export function segmentationLayerAt(
  type: MapobjectType,
  plane: Plane,
): SegmentationLayer | undefined {
  return type.layers.find(
    (layer) =>
      (layer.tpoint === null || layer.tpoint === plane.tpoint) &&
      (layer.zplane === null || layer.zplane === plane.zplane),
  );
}
