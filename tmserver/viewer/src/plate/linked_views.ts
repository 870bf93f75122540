/** The views beside the map, which are fetched when the first of them is docked. */

import Point from 'ol/geom/Point';
import { messageOf } from '../api';
import { element } from '../page/dom';
import type { Dock, DockContext } from '../views/dock';
import type { Docked } from '../views/docked';
import { objectToAdd } from '../objects/object_selection';
import type { ObjectLayers } from '../objects/object_layers';
import type { PlateMap } from './map';
import type { Pointer } from './pointer';

/** Screen pixels of an object that was gone to are at most so many of the map. */
const NEAR = 1;

export type LinkedViewsContext = Omit<DockContext, 'close' | 'current' | 'go'> & {
  readonly plateMap: PlateMap;
  readonly layers: ObjectLayers;
  readonly pointer: Pointer;
  readonly onError: (message: string) => void;
};

export class LinkedViews {
  /** Opens and closes the dock. */
  readonly button = element(
    'button',
    {
      title: 'Table, gallery and distributions of the objects',
      'aria-label': 'Table, gallery and distributions of the objects',
      'aria-expanded': 'false',
      'data-testid': 'dock-toggle',
    },
    '▤',
  );
  private dock: Dock | undefined;
  /** What was docked last, or is about to be. */
  private last: Docked | undefined;
  private isWanted = false;

  constructor(
    private readonly page: HTMLElement,
    private readonly context: LinkedViewsContext,
  ) {
    const { selection, layers, types, pointer } = context;
    pointer.onAdd = (found) => {
      const object = objectToAdd(found, this.typeName());
      if (object !== undefined) selection.toggle(object.typeName, [object.id]);
    };
    this.button.hidden = types.length === 0;
    this.button.addEventListener('click', () => {
      if (this.isWanted) this.close();
      else this.open(this.last ?? FIRST);
    });
    selection.onChange(() => {
      layers.select(selection.typeName, selection.of(selection.typeName));
      this.dock?.select();
    });
  }

  /** What is docked; undefined where nothing is. */
  state(): Docked | undefined {
    return this.isWanted ? (this.dock?.state() ?? this.last) : undefined;
  }

  open(docked: Docked): void {
    this.isWanted = true;
    this.last = docked;
    this.button.setAttribute('aria-expanded', 'true');
    import('../views/dock').then(
      (module) => {
        if (!this.isWanted || this.dock !== undefined) return;
        this.dock = new module.Dock(this.dockContext(), docked);
        this.page.append(this.dock.element);
        this.context.plateMap.olMap.updateSize();
        this.context.changed();
      },
      (error: unknown) => {
        this.close();
        this.context.onError(messageOf(error));
      },
    );
  }

  mark(): void {
    this.dock?.mark();
  }

  refresh(): void {
    this.dock?.refresh();
  }

  repaint(): void {
    this.dock?.repaint();
  }

  /** What the selection is of: the type on show, or that of what is selected already. */
  private typeName(): string | undefined {
    const { selection } = this.context;
    const isAny = selection.of(selection.typeName).size > 0;
    return this.dock?.state().typeName ?? (isAny ? selection.typeName : undefined);
  }

  private readonly close = (): void => {
    this.last = this.dock?.state() ?? this.last;
    this.isWanted = false;
    this.dock?.dispose();
    this.dock = undefined;
    this.button.setAttribute('aria-expanded', 'false');
    this.context.plateMap.olMap.updateSize();
    this.context.changed();
    this.button.focus();
  };

  private dockContext(): DockContext {
    const { plateMap, pointer } = this.context;
    return {
      ...this.context,
      close: this.close,
      current: () => pointer.selection,
      go: (typeName, { id, x, y }) => {
        const { resolution } = plateMap.place();
        plateMap.goTo({ x, y, resolution: Math.min(resolution, NEAR) });
        // A point until its outline is drawn.
        pointer.select({ typeName, id, isStatic: false, geometry: new Point([x, -y]) });
      },
    };
  }
}

const FIRST: Docked = { view: 'table', typeName: '', columns: [], order: undefined, filter: [] };
