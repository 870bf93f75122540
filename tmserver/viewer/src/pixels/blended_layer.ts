/** What the two renderers, with and without WebGL, have in common. */

import type BaseLayer from 'ol/layer/Base';
import type DataTileSource from 'ol/source/DataTile';
import type { BandPaint } from './bands';

/** All visible channels in one layer of the map. */
export interface BlendedLayer {
  readonly layer: BaseLayer;
  readonly source: DataTileSource;
  /** Applies colour, contrast and visibility to the tiles that are there. */
  paint(paints: readonly BandPaint[]): void;
}
