/** The objects of a type as a table: sorted, page by page, with columns that are chosen. */

import type { TablePage } from '../api_types';
import { valueText } from '../objects/object_card';
import { element } from '../page/dom';
import { formatCount } from '../page/format';
import { PLACE, placesOf } from './row_requests';
import type { ObjectView, PlacedObject, ViewContext } from './view';

const PAGE_ROWS = 50;

export class ObjectTable implements ObjectView {
  readonly element = element('div', { class: 'object-table' });
  private readonly head = element('thead');
  private readonly body = element('tbody');
  private readonly where = element('span', { class: 'hint', role: 'status', 'data-testid': 'table-where' });
  private readonly steps: readonly HTMLButtonElement[];
  private readonly names = element('datalist', { id: 'table-columns' });
  private readonly column = element('input', {
    type: 'search',
    list: 'table-columns',
    placeholder: 'Add a column …',
    autocomplete: 'off',
    'aria-label': 'Column to add',
    'data-testid': 'table-add-column',
  });
  private objects: readonly PlacedObject[] = [];
  /** Of what type they are; another one may be asked for already. */
  private typeName = '';
  private offset = 0;
  private nRows = 0;
  /** What the page on show was asked for with, without its place. */
  private asked = '';
  /** Tells late pages from the one that was asked for last. */
  private visit = 0;

  constructor(private readonly context: ViewContext) {
    const last = () => Math.floor(Math.max(0, this.nRows - 1) / PAGE_ROWS) * PAGE_ROWS;
    this.steps = [
      this.step('First page', '⇤', () => 0),
      this.step('Previous page', '←', () => this.offset - PAGE_ROWS),
      this.step('Next page', '→', () => this.offset + PAGE_ROWS),
      this.step('Last page', '⇥', last),
    ];
    this.column.addEventListener('input', () => {
      const { rows } = this.context;
      if (!rows.known.has(this.column.value)) return;
      const others = rows.columns.filter((name) => name !== this.column.value);
      rows.columns = [...others, this.column.value];
      this.column.value = '';
      this.change();
    });
    this.body.addEventListener('keydown', (event) => {
      this.press(event);
    });
    this.element.append(
      element('div', { class: 'row' }, this.column, this.names, element('span', { class: 'grow' }), this.where, ...this.steps),
      element(
        'div',
        { class: 'table-place' },
        element(
          'table',
          { role: 'grid', 'aria-label': 'Objects', 'aria-multiselectable': 'true', 'data-testid': 'object-table' },
          this.head,
          this.body,
        ),
      ),
    );
  }

  async refresh(): Promise<void> {
    const { rows } = this.context;
    const visit = ++this.visit;
    const { typeName } = rows;
    const asked = rows.asked(rows.conditions());
    if (asked !== this.asked) this.offset = 0;
    this.asked = asked;
    const columns = [...PLACE, ...rows.columns];
    const page = await rows
      .requests()
      .page(columns, rows.conditions(), rows.order, this.offset, PAGE_ROWS);
    if (visit === this.visit) this.show(page, typeName);
  }

  mark(): void {
    const { selection, current } = this.context;
    const selected = selection.of(this.typeName);
    const open = current();
    [...this.body.rows].forEach((row, index) => {
      const id = this.objects[index]?.id ?? NaN;
      row.setAttribute('aria-selected', String(selected.has(id)));
      if (id === open) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
      const box = row.querySelector('input');
      if (box !== null) box.checked = selected.has(id);
    });
  }

  private show(page: TablePage, typeName: string): void {
    const { rows } = this.context;
    this.typeName = typeName;
    this.nRows = page.n_rows;
    this.objects = placesOf(page.rows);
    this.names.replaceChildren(
      ...[...rows.known.keys()].map((name) => element('option', { value: name })),
    );
    this.showHeader();
    const hadFocus = this.body.contains(document.activeElement);
    this.body.replaceChildren(
      ...page.rows.map((values, index) => this.row(index, values.slice(PLACE.length))),
    );
    if (hadFocus) this.focus(0);
    const end = this.offset + page.rows.length;
    this.where.textContent =
      page.n_rows === 0
        ? `No ${rows.typeName} meet the filter.`
        : `${formatCount(this.offset + 1)} to ${formatCount(end)} of ${formatCount(page.n_rows)}`;
    this.steps.forEach((step, index) => {
      step.disabled = index < 2 ? this.offset === 0 : end >= page.n_rows;
    });
    this.mark();
  }

  /** Makes the head anew; who is in it by keys stays at the same column. */
  private showHeader(): void {
    const focused = document.activeElement;
    const nameOf = (each: Element) => each.getAttribute('title') ?? each.getAttribute('aria-label');
    const name = focused !== null && this.head.contains(focused) ? nameOf(focused) : null;
    this.head.replaceChildren(this.header());
    if (name === null) return;
    const controls = [...this.head.querySelectorAll<HTMLElement>('button, input')];
    // of a column that was taken out nothing is left
    (controls.find((each) => nameOf(each) === name) ?? this.column).focus();
  }

  private header(): HTMLElement {
    const { rows } = this.context;
    const columns = rows.columns.map((name) => {
      const { order } = rows;
      const isSorted = order?.column === name;
      const sign = !isSorted ? '' : order.descending ? ' ▼' : ' ▲';
      const sort = element('button', { class: 'plain', title: `Sort by ${name}` }, `${name}${sign}`);
      sort.addEventListener('click', () => {
        rows.order = { column: name, descending: isSorted && !order.descending };
        this.change();
      });
      const label = `Remove the column ${name}`;
      const remove = element('button', { class: 'plain remove', 'aria-label': label, title: label }, '×');
      remove.addEventListener('click', () => {
        rows.columns = rows.columns.filter((one) => one !== name);
        this.change();
      });
      const type = rows.known.get(name)?.type;
      const kind = type === 'float' || type === 'integer' ? 'number' : '';
      const head = element('th', { scope: 'col', class: kind }, element('span', { class: 'row' }, sort, remove));
      if (isSorted) head.setAttribute('aria-sort', order.descending ? 'descending' : 'ascending');
      return head;
    });
    const box = element('input', { type: 'checkbox', 'aria-label': 'Select all of the page' });
    box.addEventListener('change', () => {
      this.context.selection.toggle(this.typeName, this.objects.map(({ id }) => id));
      box.checked = false;
    });
    const first = [element('th', { scope: 'col' }, box), element('th', { scope: 'col' }, 'Object')];
    return element('tr', {}, ...first, ...columns);
  }

  private row(index: number, values: readonly unknown[]): HTMLElement {
    const id = this.objects[index]?.id ?? 0;
    const box = element('input', { type: 'checkbox', tabindex: '-1', 'aria-label': `Select ${id}` });
    const cells = values.map((value) => {
      const kind = typeof value === 'number' ? 'number' : value === null ? 'missing' : '';
      return element('td', { class: kind }, value === null ? '–' : valueText(value));
    });
    const row = element(
      'tr',
      { tabindex: index === 0 ? '0' : '-1', 'data-testid': `table-row-${id}` },
      element('td', {}, box),
      element('th', { scope: 'row' }, String(id)),
      ...cells,
    );
    row.addEventListener('click', (event) => {
      this.focus(index);
      if (event.target === box || event.ctrlKey || event.metaKey || event.shiftKey) this.toggle(index);
      else this.go(index);
    });
    return row;
  }

  private press(event: KeyboardEvent): void {
    const index = [...this.body.rows].findIndex((row) => row.contains(document.activeElement));
    if (index < 0) return;
    const last = this.objects.length - 1;
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => { this.focus(Math.min(last, index + 1)); },
      ArrowUp: () => { this.focus(Math.max(0, index - 1)); },
      Home: () => { this.focus(0); },
      End: () => { this.focus(last); },
      PageDown: () => { this.steps[2]?.click(); },
      PageUp: () => { this.steps[1]?.click(); },
      Enter: () => { this.go(index); },
      ' ': () => { this.toggle(index); },
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  }

  /** One row is reached by the tab key, the others from there by arrow keys. */
  private focus(index: number): void {
    [...this.body.rows].forEach((row, each) => {
      row.tabIndex = each === index ? 0 : -1;
      if (each === index) row.focus();
    });
  }

  private go(index: number): void {
    const object = this.objects[index];
    if (object !== undefined) this.context.go(this.typeName, object);
  }

  private toggle(index: number): void {
    const object = this.objects[index];
    if (object !== undefined) this.context.selection.toggle(this.typeName, [object.id]);
  }

  private step(label: string, sign: string, to: () => number): HTMLButtonElement {
    const button = element('button', { class: 'small', 'aria-label': label, title: label }, sign);
    button.addEventListener('click', () => {
      this.offset = Math.max(0, to());
      this.change();
    });
    return button;
  }

  private change(): void {
    this.context.changed();
  }
}
