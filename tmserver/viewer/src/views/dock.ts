/** Views of the objects docked below the map; all show the same rows and the same selection. */

import type Polygon from 'ol/geom/Polygon';
import type { Api } from '../api';
import { messageOf } from '../api';
import type { TableColumns } from '../objects/colour_by';
import type { ObjectSelection } from '../objects/object_selection';
import type { ObjectDisplay } from '../objects/objects';
import { element } from '../page/dom';
import type { Plane } from '../pixels/channels';
import type { OutlineKind } from '../plate/outline_drawing';
import type { Docked, ViewName } from './docked';
import { VIEW_NAMES } from './docked';
import './views.css';
import { Distribution } from './distribution';
import { FilterBar } from './filter_bar';
import { Gallery } from './gallery';
import { ObjectTable } from './object_table';
import { SelectionBar } from './selection_bar';
import { ShownRows } from './shown_rows';
import type { ObjectView, PlacedObject, ViewContext } from './view';

/** What the map does for the selection. */
export interface MapSelecting {
  /** Takes the next outline that is drawn on the map; undefined ends it. */
  draw(kind: OutlineKind | undefined, done: (outline: Polygon) => void): void;
  within(typeName: string, outline: Polygon): Promise<readonly number[]>;
  /** Keeps objects under a name, as a column of their table. */
  keep(typeName: string, ids: readonly number[], name: string): Promise<void>;
}

export interface DockContext {
  readonly api: Api;
  readonly experimentId: string;
  /** Those that were segmented. */
  readonly types: readonly ObjectDisplay[];
  readonly columns: TableColumns;
  readonly selection: ObjectSelection;
  readonly map: MapSelecting;
  readonly plane: () => Plane;
  readonly current: () => { readonly typeName: string; readonly id: number } | undefined;
  readonly go: (typeName: string, object: PlacedObject) => void;
  readonly draw: ViewContext['draw'];
  readonly pixelSize: number | null;
  /** Called when something else is docked, or is shown otherwise. */
  readonly changed: () => void;
  readonly close: () => void;
}

const VIEWS: Readonly<Record<ViewName, readonly [string, new (context: ViewContext) => ObjectView]>> = {
  table: ['Table', ObjectTable],
  gallery: ['Gallery', Gallery],
  distribution: ['Distribution', Distribution],
};

export class Dock {
  readonly element = element('section', {
    class: 'dock',
    'aria-label': 'Views of the objects',
    'data-testid': 'dock',
  });
  private readonly rows: ShownRows;
  private readonly filter = new FilterBar();
  private readonly bar: SelectionBar;
  private readonly problem = element('p', { class: 'error', role: 'alert', 'data-testid': 'dock-error' });
  private readonly place = element('div', { class: 'dock-view' });
  private readonly tabs: ReadonlyMap<ViewName, HTMLButtonElement>;
  private readonly views = new Map<ViewName, ObjectView>();
  private name: ViewName;
  /** Tells late answers from those to what was asked last. */
  private visit = 0;

  constructor(
    private readonly context: DockContext,
    docked: Docked,
  ) {
    const { api, experimentId, types, columns, selection, plane, map } = context;
    this.name = docked.view;
    this.rows = new ShownRows(api, experimentId, types, columns, selection, plane, docked);
    this.bar = new SelectionBar(this.rows, selection, map, this.changed, this.report);
    this.filter.onChange = (conditions) => {
      this.rows.filter = conditions;
      this.changed();
    };
    this.tabs = new Map(
      VIEW_NAMES.map((name) => {
        const [text] = VIEWS[name];
        const tab = element('button', { class: 'small', 'data-testid': `dock-${name}` }, text);
        tab.addEventListener('click', () => {
          this.name = name;
          this.changed();
        });
        return [name, tab];
      }),
    );
    const close = element(
      'button',
      { class: 'small', 'aria-label': 'Close', 'data-testid': 'dock-close', onclick: context.close },
      '×',
    );
    this.element.append(
      element('div', { class: 'row' }, ...this.tabs.values(), this.typeChoice(), this.bar.element, close),
      this.filter.element,
      this.problem,
      this.place,
    );
    this.refresh();
  }

  /** What is docked, for the address. */
  state(): Docked {
    return { view: this.name, ...this.rows.state() };
  }

  /** Marks what is selected, and whose card is open. */
  mark(): void {
    this.bar.show();
    this.views.get(this.name)?.mark();
  }

  /** Follows the selection, which may be all that is shown. */
  select(): void {
    this.mark();
    const follows = this.views.get(this.name)?.followsSelection?.() ?? false;
    if (this.rows.onlySelected || follows) this.refresh();
  }

  /** Shows everything again: at another time point, or with other columns. */
  refresh(): void {
    const visit = ++this.visit;
    this.read(visit).catch((error: unknown) => {
      if (visit === this.visit) this.report(messageOf(error));
    });
  }

  repaint(): void {
    this.views.get(this.name)?.repaint?.();
  }

  dispose(): void {
    this.bar.dispose();
    this.element.remove();
  }

  private readonly changed = (): void => {
    this.refresh();
    this.context.changed();
  };

  private readonly report = (message: string): void => {
    this.problem.textContent = message;
  };

  private async read(visit: number): Promise<void> {
    this.report('');
    await this.rows.readColumns();
    if (visit !== this.visit) return;
    this.filter.show(this.rows.filter, this.rows.known);
    const shown = this.tabs.get(this.name);
    for (const tab of this.tabs.values()) tab.setAttribute('aria-pressed', String(tab === shown));
    const view = this.view();
    if (this.place.firstChild !== view.element) this.place.replaceChildren(view.element);
    this.bar.show();
    await view.refresh();
  }

  private view(): ObjectView {
    const found = this.views.get(this.name);
    if (found !== undefined) return found;
    const [, Made] = VIEWS[this.name];
    const { context, rows } = this;
    const made = new Made({
      rows,
      selection: context.selection,
      current: () => {
        const current = context.current();
        return current?.typeName === rows.typeName ? current.id : undefined;
      },
      go: context.go,
      draw: context.draw,
      pixelSize: context.pixelSize,
      changed: this.changed,
      report: this.report,
    });
    this.views.set(this.name, made);
    return made;
  }

  private typeChoice(): HTMLElement {
    const options = this.rows.types.map(({ type }) => element('option', { value: type.name }, type.name));
    const choice = element('select', { 'aria-label': 'Objects', 'data-testid': 'dock-type' }, ...options);
    choice.value = this.rows.typeName;
    choice.addEventListener('change', () => {
      this.rows.show(choice.value);
      this.changed();
    });
    return choice;
  }
}
