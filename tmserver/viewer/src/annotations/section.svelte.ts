/** Annotations on the page of a plate: their part of the panel, and what they do with the map. */

import { mount, unmount } from 'svelte';
import type { Api } from '../api';
import type { ObjectSelection } from '../objects/object_selection';
import type { ObjectDisplay } from '../objects/objects';
import { OperationsApi } from '../operations/operations_api';
import { element } from '../page/dom';
import type { Plane } from '../pixels/channels';
import type { PlateMap } from '../plate/map';
import type { Pointer } from '../plate/pointer';
import { findSelected } from '../plate/shown_view';
import type { Docked } from '../views/docked';
import { RowRequests } from '../views/row_requests';
import './annotations.css';
import AnnotationPanel from './AnnotationPanel.svelte';
import { AnnotationEditor } from './editor.svelte';
import { AnnotationLayers } from './layers';
import { Memory } from './memory';
import { AnnotationRequests } from './requests';
import type { ObjectList } from './tasks.svelte';
import { Walk } from './tasks.svelte';

export interface AnnotationContext {
  readonly api: Api;
  readonly experimentId: string;
  readonly userId: string;
  readonly types: readonly ObjectDisplay[];
  readonly map: PlateMap;
  readonly pointer: Pointer;
  /** Width of a pixel in micrometres, if known. */
  readonly pixelSize: number | null;
  readonly hasPlanes: boolean;
  readonly plane: () => Plane;
  readonly selection: ObjectSelection;
  /** What is docked beside the map, with its filter. */
  readonly docked: () => Docked | undefined;
  readonly onError: (message: string) => void;
}

/** Screen pixels of a point that was gone to are at most so many of the map. */
const NEAR = 1;

export class AnnotationSection {
  readonly element = element('section', {
    class: 'annotations',
    'aria-labelledby': 'annotations-title',
    'data-testid': 'annotations',
  });
  private readonly editor: AnnotationEditor;
  private readonly layers: AnnotationLayers;
  private readonly walk: Walk;
  private parts: (() => void)[] = [];
  private isOver = false;

  constructor(private readonly context: AnnotationContext) {
    const { api, experimentId, map, pixelSize, hasPlanes, plane } = context;
    const requests = new AnnotationRequests(api, experimentId);
    const shownPlane = () => (hasPlanes ? plane().zplane : undefined);
    this.layers = new AnnotationLayers(map, requests, pixelSize, shownPlane);
    const memory = new Memory(experimentId, context.userId);
    const goTo = (x: number, y: number) => {
      map.goTo({ x, y, resolution: Math.min(map.place().resolution, NEAR) });
    };
    this.editor = new AnnotationEditor(requests, this.layers, memory, () => plane().zplane, goTo);
    this.walk = new Walk(this.editor, memory, (typeName, id) => this.goToObject(typeName, id));
    this.listen();
    void this.begin();
  }

  /** Shows the points of the plane on show. */
  refresh(force = false): void {
    this.layers.refresh(force);
  }

  /** Shows the remarks on an object. */
  showObject(object: { readonly typeName: string; readonly id: number } | undefined): void {
    const { object: before } = this.editor;
    if (before?.typeName === object?.typeName && before?.id === object?.id) return;
    this.editor.object = object && { typeName: object.typeName, id: object.id };
  }

  dispose(): void {
    this.isOver = true;
    for (const end of this.parts) end();
  }

  private async begin(): Promise<void> {
    const { api, experimentId, types, pixelSize, onError } = this.context;
    let mayWrite = false;
    try {
      mayWrite = await new OperationsApi(api).mayWrite(experimentId);
    } catch (error) {
      onError(error instanceof Error ? error.message : String(error));
    }
    if (this.isOver) return;
    const props = {
      editor: this.editor,
      mayWrite,
      types: types.map(({ type }) => type.name),
      isInPixels: pixelSize === null,
      walk: this.walk,
      lists: (typeName: string) => this.lists(typeName),
    };
    const made = mount(AnnotationPanel, { target: this.element, props });
    this.parts.push(() => void unmount(made));
    await this.editor.begin();
    await this.walk.resume();
  }

  /** Objects of a type that somebody has selected, or sees in the table beside the map, or all. */
  private lists(typeName: string): ObjectList[] {
    const { api, experimentId, types, selection, docked, plane } = this.context;
    const typeId = types.find(({ type }) => type.name === typeName)?.type.id ?? '';
    const rows = new RowRequests(api, experimentId, typeId, plane);
    const selected = [...selection.of(typeName)];
    const shown = docked();
    const filter = shown?.typeName === typeName ? shown.filter : [];
    return [
      { name: `the ${selected.length} selected`, isThere: selected.length > 0, ids: () => Promise.resolve(selected) },
      { name: 'those that meet the filter', isThere: filter.length > 0, ids: () => rows.ids(filter) },
      { name: `all ${typeName} on this plane`, isThere: true, ids: () => rows.ids([]) },
    ].filter(({ isThere }) => isThere);
  }

  /** Shows an object on the map, and selects it. */
  private async goToObject(typeName: string, id: number): Promise<void> {
    const { api, experimentId, types, map, pointer, plane } = this.context;
    const found = await findSelected(api, experimentId, types, { typeName, id }, plane());
    const [x = 0, y = 0] = found?.geometry.getExtent() ?? [];
    map.goTo({ x, y: -y, resolution: Math.min(map.place().resolution, NEAR) });
    pointer.select(found);
  }

  private listen(): void {
    const { map, pointer } = this.context;
    const { editor, layers } = this;
    pointer.describe = (coordinate) => layers.describe(coordinate);
    pointer.onClick = (coordinate) => {
      if (editor.placing !== undefined) {
        editor.place(coordinate);
        return true;
      }
      const found = layers.at(coordinate);
      if (found === undefined || editor.draft !== undefined) return false;
      editor.select({ tableName: found.tableName, id: found.row.id });
      return true;
    };
    map.element.addEventListener('keydown', (event) => {
      if (editor.placing === undefined) return;
      if (event.key === 'Escape') editor.cancel();
      else if (event.key === 'Enter') {
        const { x, y } = map.place();
        editor.place([x, -y]);
      } else return;
      event.preventDefault();
    });
    const end = $effect.root(() => {
      $effect(() => {
        const isPlacing = editor.placing !== undefined;
        map.element.classList.toggle('placing', isPlacing);
        // the arrow keys and Enter place the point
        if (isPlacing) map.element.focus();
      });
    });
    this.parts.push(end);
  }
}
