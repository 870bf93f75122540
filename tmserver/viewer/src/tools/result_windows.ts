/** What is shown of a result in windows of their own: its plots, and how it agrees with others. */

import { messageOf } from '../api';
import type { Agreement } from '../api_types';
import { openDialog } from '../page/dialog';
import { element } from '../page/dom';
import { drawFigure, plotly } from './plots';
import type { LabelClass, ToolRequests, ToolResult } from './tool_requests';

export function openPlots(result: ToolResult): void {
  const places = result.plots.map((figure) =>
    element('div', { class: 'plot', 'data-testid': `plot-${figure.type}` }),
  );
  const state = element('p', { class: 'hint' }, 'Loading …');
  const purge = () => {
    void plotly().then((library) => {
      for (const place of places) library.purge(place);
    });
  };
  const grid = element('div', { class: 'plots' }, ...places);
  openDialog(result.name, 'plots', purge, state, grid);
  const drawn = result.plots.map((figure, index) => drawFigure(places[index] ?? grid, figure));
  Promise.all(drawn).then(
    () => {
      state.textContent = '';
    },
    (error: unknown) => {
      state.textContent = messageOf(error);
    },
  );
}

/** Names of labels, as far as the result gives any. */
function nameIn(result: ToolResult, label: string): string {
  const map: Readonly<Record<string, LabelClass>> = result.attributes.label_map ?? {};
  return map[label]?.name ?? label;
}

/** A table with a row for each label of one result and a column for each of the other. */
export function agreementTable(
  pairs: readonly Agreement[],
  rowName: (label: string) => string,
  columnName: (label: string) => string,
): HTMLTableElement {
  const labels = (which: 'label' | 'other_label') => [...new Set(pairs.map((pair) => pair[which]))];
  const [rows, columns] = [labels('label'), labels('other_label')];
  const count = (label: string, other: string) =>
    pairs.find((pair) => pair.label === label && pair.other_label === other)?.n_objects ?? 0;
  const largest = Math.max(1, ...pairs.map((pair) => pair.n_objects));
  const cell = (number: number) => {
    const made = element('td', {}, number.toLocaleString('en'));
    made.style.background = `rgb(110 168 254 / ${(0.6 * (number / largest)).toFixed(2)})`;
    return made;
  };
  const head = columns.map((label) => element('th', { scope: 'col' }, columnName(label)));
  return element(
    'table',
    { class: 'agreement' },
    element('thead', {}, element('tr', {}, element('th'), ...head)),
    element(
      'tbody',
      {},
      ...rows.map((label) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, rowName(label)),
          ...columns.map((other) => cell(count(label, other))),
        ),
      ),
    ),
  );
}

/** Lets another result be chosen, and counts which labels the same objects have in both. */
export function openComparison(
  requests: ToolRequests,
  result: ToolResult,
  others: readonly ToolResult[],
): void {
  const select = element(
    'select',
    { 'data-testid': 'compare-other', 'aria-label': 'Other result' },
    ...others.map((other) => element('option', { value: other.id }, other.name)),
  );
  const place = element('div', { class: 'agreement-place' });
  const show = () => {
    const other = others.find(({ id }) => id === select.value);
    if (other === undefined) {
      place.textContent = 'There is no other result of the same objects.';
      return;
    }
    // Another result may be chosen before the answer comes.
    const isChosen = () => select.value === other.id;
    requests.compare(result, other).then(
      (pairs) => {
        if (!isChosen()) return;
        const table = agreementTable(
          pairs,
          (label) => nameIn(result, label),
          (label) => nameIn(other, label),
        );
        place.replaceChildren(table);
      },
      (error: unknown) => {
        if (isChosen()) place.textContent = messageOf(error);
      },
    );
  };
  select.addEventListener('change', show);
  const choice = element('label', { class: 'row' }, `${result.name} (rows) and`, select);
  openDialog('Agreement', 'comparison', () => undefined, choice, place);
  show();
}
