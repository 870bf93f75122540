/** What can be done with the selection: drawn on the map, counted, kept under a name, left. */

import { messageOf } from '../api';
import type { ObjectSelection } from '../objects/object_selection';
import { element } from '../page/dom';
import { counted } from '../page/format';
import type { OutlineKind } from '../plate/outline_drawing';
import type { MapSelecting } from './dock';
import type { ShownRows } from './shown_rows';

export class SelectionBar {
  readonly element: HTMLElement;
  private readonly count = element('output', { 'data-testid': 'selected-count' });
  private readonly only = element('input', { type: 'checkbox', 'data-testid': 'only-selected' });
  private readonly all = this.button('Select all shown', 'select-shown', () => this.selectShown());
  private readonly keep = this.button('Keep …', 'keep-selection', () => this.keepSelection());
  private readonly clear = this.button('Clear', 'clear-selection', () => {
    this.selection.clear();
  });
  private readonly outlines: ReadonlyMap<OutlineKind, HTMLButtonElement>;
  private drawing: OutlineKind | undefined;

  constructor(
    private readonly rows: ShownRows,
    private readonly selection: ObjectSelection,
    private readonly map: MapSelecting,
    private readonly changed: () => void,
    private readonly report: (message: string) => void,
  ) {
    this.outlines = new Map([
      ['rectangle', this.outline('Rectangle', 'rectangle')],
      ['lasso', this.outline('Lasso', 'lasso')],
    ]);
    this.only.addEventListener('change', () => {
      this.rows.onlySelected = this.only.checked;
      this.changed();
    });
    this.element = element(
      'div',
      { class: 'row selection-bar' },
      ...this.outlines.values(),
      this.all,
      this.count,
      element('label', { class: 'row' }, this.only, 'Only these'),
      this.keep,
      this.clear,
    );
  }

  show(): void {
    const { size } = this.selection.of(this.rows.typeName);
    this.count.textContent = `${counted(size, 'object')} selected`;
    this.only.checked = this.rows.onlySelected;
    this.only.disabled = size === 0 && !this.rows.onlySelected;
    this.keep.disabled = this.clear.disabled = size === 0;
  }

  /** Ends what was begun on the map. */
  dispose(): void {
    if (this.drawing !== undefined) this.draw(undefined);
  }

  private button(text: string, testId: string, act: () => Promise<void> | void): HTMLButtonElement {
    const made = element('button', { class: 'small', type: 'button', 'data-testid': testId }, text);
    made.addEventListener('click', () => {
      Promise.resolve(act()).catch((error: unknown) => {
        this.report(messageOf(error));
      });
    });
    return made;
  }

  private outline(text: string, kind: OutlineKind): HTMLButtonElement {
    const made = this.button(text, `select-${kind}`, () => {
      this.draw(this.drawing === kind ? undefined : kind);
    });
    made.title = `Select by dragging over the map: ${text.toLowerCase()}`;
    made.setAttribute('aria-pressed', 'false');
    return made;
  }

  private draw(kind: OutlineKind | undefined): void {
    this.drawing = kind;
    for (const [each, button] of this.outlines) {
      button.setAttribute('aria-pressed', String(each === kind));
    }
    this.map.draw(kind, (outline) => {
      this.draw(undefined);
      // the type on show, which may be another one than when the drawing began
      const { typeName } = this.rows;
      this.selection
        .replaceBy(typeName, this.map.within(typeName, outline))
        .catch((error: unknown) => {
          this.report(messageOf(error));
        });
    });
  }

  private selectShown(): Promise<void> {
    return this.selection.replaceBy(this.rows.typeName, this.rows.ids());
  }

  private async keepSelection(): Promise<void> {
    const { typeName } = this.rows;
    const name = window.prompt('Keep the selection under the name', '')?.trim() ?? '';
    if (name !== '') await this.map.keep(typeName, [...this.selection.of(typeName)], name);
  }
}
