/** The results of tools: which of them colours the objects, and what else can be done with it. */

import { messageOf } from '../api';
import { element } from '../page/dom';
import { openComparison, openPlots } from './result_windows';
import type { ToolRequests, ToolResult } from './tool_requests';

/** Results that are drawn, the latest; the others are reached by deleting some. */
const SHOWN = 50;

export class ResultList {
  readonly element = element('section', { 'data-testid': 'results', hidden: true });
  private results: readonly ToolResult[] = [];
  private chosen: ToolResult | undefined;
  /** Counts the requests for the results, and which of them is on show. */
  private asked = 0;
  private seen = 0;

  /** Called with the result that is to colour the objects, undefined when none. */
  onChoose: ((result: ToolResult | undefined, before: ToolResult | undefined) => void) | undefined;
  onError: ((message: string) => void) | undefined;
  /** Called when there are other results than before, or they have other names. */
  onChange: (() => void) | undefined;

  constructor(private readonly requests: ToolRequests) {}

  /** Fetches the results again, and chooses the one of a submission if one is given. */
  async refresh(submissionId?: number): Promise<void> {
    const number = ++this.asked;
    const results = await this.requests.results();
    // A later question may have been answered first.
    if (number < this.seen) return;
    const names = (of: readonly ToolResult[]) => JSON.stringify(of.map(({ id, name }) => [id, name]));
    const isOther = this.seen > 0 && names(results) !== names(this.results);
    this.seen = number;
    this.results = results;
    if (isOther) this.onChange?.();
    const found = this.results.find((each) => each.submission_id === submissionId);
    if (found !== undefined) this.choose(found);
    else this.draw();
  }

  /** Marks none as the one that colours the objects. */
  release(): void {
    this.chosen = undefined;
    this.draw();
  }

  private choose(result: ToolResult | undefined): void {
    const before = this.chosen;
    this.chosen = result;
    this.draw();
    this.onChoose?.(result, before);
  }

  private draw(): void {
    const latest = [...this.results].reverse();
    this.element.hidden = latest.length === 0;
    const list = element('ul', {}, ...latest.slice(0, SHOWN).map((result) => this.row(result)));
    const rest = latest.length - SHOWN;
    const hint = rest > 0 ? `and ${rest} older ones` : '';
    this.element.replaceChildren(
      element('h2', {}, 'Results'),
      list,
      element('p', { class: 'hint' }, hint),
    );
  }

  private row(result: ToolResult): HTMLElement {
    const isChosen = result.id === this.chosen?.id;
    const box = element('input', { type: 'checkbox', 'data-testid': `result-${result.name}` });
    box.checked = isChosen;
    box.addEventListener('change', () => {
      this.choose(box.checked ? result : undefined);
    });
    const label = element('label', {}, box, result.name);
    const type = element('span', { class: 'hint' }, result.mapobject_type_name);
    const row = element('li', {}, element('div', { class: 'row' }, label, type));
    if (isChosen) row.append(this.details(result));
    return row;
  }

  private details(result: ToolResult): HTMLElement {
    const button = (text: string, onclick: () => void) =>
      element(
        'button',
        { class: 'small', type: 'button', 'data-testid': `result-${text.toLowerCase()}`, onclick },
        text,
      );
    const { n_objects: all = 0, n_missing: missing = 0 } = result.attributes;
    const lacking = missing > 0 ? `, ${missing.toLocaleString('en')} without a value` : '';
    // Numbers have no labels that could be counted in pairs.
    const hasClasses = ({ attributes }: ToolResult) => attributes.unique_labels !== undefined;
    const others = this.results.filter(
      (each) =>
        each.id !== result.id &&
        each.mapobject_type_name === result.mapobject_type_name &&
        hasClasses(each),
    );
    const links = this.requests
      .downloads(result)
      .map(([text, href]) => element('a', { class: 'button small', href, download: true }, text));
    return element(
      'div',
      { class: 'result-details', 'data-testid': 'result-details' },
      element('p', { class: 'hint' }, `${all.toLocaleString('en')} objects${lacking}`),
      element(
        'div',
        { class: 'result-buttons' },
        button('Plots', () => {
          openPlots(result);
        }),
        ...(hasClasses(result)
          ? [
              button('Compare', () => {
                openComparison(this.requests, result, others);
              }),
            ]
          : []),
        button('Rename', () => {
          this.rename(result);
        }),
        button('Delete', () => {
          this.delete(result);
        }),
        ...links,
      ),
    );
  }

  private rename(result: ToolResult): void {
    const name = window.prompt('New name of the result', result.name)?.trim();
    if (name === undefined || name === '' || name === result.name) return;
    this.change(this.requests.rename(result, name), result.submission_id);
  }

  private delete(result: ToolResult): void {
    if (!window.confirm(`Delete “${result.name}” with its labels?`)) return;
    const deleted = this.requests.delete(result).then(() => {
      if (this.chosen?.id === result.id) this.choose(undefined);
    });
    this.change(deleted);
  }

  private change(request: Promise<void>, submissionId?: number): void {
    request
      .then(() => this.refresh(submissionId))
      .catch((error: unknown) => {
        this.onError?.(messageOf(error));
      });
  }
}
