/** Between how a plate is shown and the state that an address has of it. */

import Point from 'ol/geom/Point';
import type { Api } from '../api';
import { experimentPath } from '../api';
import type { ObjectRow } from '../api_types';
import type { MapObject, ObjectLayers } from '../objects/object_layers';
import type { ObjectDisplay } from '../objects/objects';
import type { ChannelDisplay, Plane } from '../pixels/channels';
import type { PlateMap } from './map';
import type { ShownChannel, ShownObjects, ViewState } from './view_state';

/** Sets channels and types of objects as the state says; others stay as they are. */
export function applyView(
  state: ViewState,
  channels: readonly ChannelDisplay[],
  objects: readonly ObjectDisplay[],
): void {
  for (const display of channels) Object.assign(display, state.channels.get(display.channel.name));
  for (const display of objects) {
    const shown = state.objects.get(display.type.name);
    if (shown === undefined) continue;
    display.visible = shown.visible;
    display.colour = shown.colour;
  }
}

/** The plane of a state where there is one, else the first. */
export function planeOf(
  { tpoint, zplane }: ViewState,
  tpoints: readonly number[],
  zplanes: readonly number[],
): Plane {
  const one = (wanted: number | undefined, all: readonly number[]) =>
    wanted !== undefined && all.includes(wanted) ? wanted : (all[0] ?? 0);
  return { tpoint: one(tpoint, tpoints), zplane: one(zplane, zplanes) };
}

/** How everything is shown now. */
export function currentView(
  map: PlateMap,
  plane: Plane,
  follows: boolean,
  channels: readonly ChannelDisplay[],
  objects: readonly ObjectDisplay[],
  layers: ObjectLayers,
  selected: MapObject | undefined,
  docked: ViewState['docked'],
): ViewState {
  return {
    place: map.place(),
    ...plane,
    follows,
    channels: new Map<string, ShownChannel>(
      channels.map((display) => [display.channel.name, display]),
    ),
    objects: new Map<string, ShownObjects>(
      objects.map(({ type, visible, colour }) => [
        type.name,
        { visible, colour, column: layers.columnOf(type.name) },
      ]),
    ),
    selected,
    docked,
  };
}

/** Finds an object that is selected in a state on the plane on show, wherever it is: as a point until it is in view. */
export async function findSelected(
  api: Api,
  experimentId: string,
  objects: readonly ObjectDisplay[],
  selected: ViewState['selected'],
  { tpoint, zplane }: Plane,
): Promise<MapObject | undefined> {
  const display = objects.find(({ type }) => type.name === selected?.typeName);
  if (selected === undefined || display === undefined) return undefined;
  const query = new URLSearchParams({ columns: JSON.stringify(['centroid_x', 'centroid_y']) });
  if (!display.isStatic) {
    query.set('tpoint', String(tpoint));
    query.set('zplane', String(zplane));
  }
  const types = `${experimentPath(experimentId)}/mapobject_types`;
  const path = `${types}/${encodeURIComponent(display.type.id)}/table/objects/${selected.id}`;
  const row = await api.data<ObjectRow>(`${path}?${query.toString()}`);
  const [x, y] = row.columns.map(({ value }) => Number(value));
  return {
    ...selected,
    isStatic: display.isStatic,
    geometry: new Point([x ?? 0, -(y ?? 0)]),
  };
}
