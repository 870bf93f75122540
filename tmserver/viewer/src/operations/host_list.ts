/** Hosts with workers: what they are at, and which of them is sick. */

import { messageOf } from '../api';
import { element } from '../page/dom';
import { counted, formatCount } from '../page/format';
import type { Part } from '../page/keyed';
import { Keyed } from '../page/keyed';
import type { Host, OperationsApi } from './operations_api';
import { ask } from '../page/question';

const STATES: Readonly<Record<Host['state'], string>> = {
  working: 'running',
  idle: 'new',
  draining: 'killed',
  drained: 'killed',
  silent: 'failed',
  outdated: 'failed',
};

/** What is wrong with a host, if anything is. */
function alarmOf(host: Host): string {
  if (host.overdue > 0) {
    return `${counted(host.overdue, 'job')} without a sign of life: others will take over.`;
  }
  if (host.state === 'outdated') {
    return 'Its workers are of another version of tmserver than the database, and take no jobs.';
  }
  return host.state === 'silent' ? 'Its workers have not been heard of.' : '';
}

class HostRow implements Part<Host> {
  readonly element: HTMLElement;
  private readonly state = element('span', { class: 'pill', 'data-testid': 'host-state' });
  private readonly facts = element('span', { class: 'host-facts' });
  private readonly alarm = element('span', { class: 'alarm', role: 'status' });
  private readonly button: HTMLButtonElement;
  private isDraining = false;

  constructor(
    private readonly name: string,
    private readonly operations: OperationsApi,
    private readonly onError: (message: string) => void,
  ) {
    this.button = element('button', {
      class: 'small',
      'data-testid': 'drain',
      onclick: () => void this.drain(),
    });
    this.element = element(
      'li',
      { class: 'host', 'data-testid': `host-${name}` },
      this.state,
      element('strong', {}, name),
      this.facts,
      this.button,
      this.alarm,
    );
  }

  update(host: Host): void {
    this.state.textContent = host.state;
    this.state.dataset.state = STATES[host.state];
    const total = Math.max(host.processes, host.busy);
    this.facts.textContent = `${formatCount(host.busy)} of ${counted(total, 'worker')} busy`;
    this.alarm.textContent = alarmOf(host);
    this.isDraining = host.state === 'draining' || host.state === 'drained';
    this.button.textContent = this.isDraining ? 'Undo drain' : 'Drain';
    this.button.setAttribute('aria-label', `${this.button.textContent} ${this.name}`);
  }

  private async drain(): Promise<void> {
    const drains = !this.isDraining;
    if (drains && !(await this.isWanted())) return;
    this.button.disabled = true;
    this.onError('');
    try {
      await this.operations.drain(this.name, drains);
    } catch (error) {
      this.onError(messageOf(error));
    } finally {
      this.button.disabled = false;
    }
  }

  private isWanted(): Promise<boolean> {
    return ask(
      `Drain ${this.name}?`,
      'It takes no more jobs until this is undone; those that run there go on to their end.',
      'Drain',
    );
  }
}

export class HostList {
  readonly element: HTMLElement;
  private readonly rows: Keyed<Host>;
  private readonly none = element('p', { class: 'hint' }, 'No host has workers: no job will run.');
  private readonly message = element('p', { class: 'error', role: 'alert' });

  constructor(operations: OperationsApi) {
    const list = element('ul', { class: 'hosts' });
    const onError = (text: string) => {
      this.message.textContent = text;
    };
    this.rows = new Keyed(list, (name) => new HostRow(name, operations, onError));
    this.element = element(
      'section',
      { 'aria-label': 'Hosts' },
      element('h2', {}, 'Hosts'),
      list,
      this.none,
      this.message,
    );
  }

  show(hosts: Readonly<Record<string, Host>>): void {
    const found = Object.entries(hosts).sort(([one], [other]) => one.localeCompare(other));
    this.rows.show(found);
    this.none.hidden = found.length > 0;
  }
}
