/** What a job has printed, as it comes, with a search. */

import { messageOf } from '../api';
import type { JobLog } from '../api_types';
import { element } from '../page/dom';
import type { Job, OperationsApi } from './operations_api';
import { Pill } from './progress_parts';
import { TextSearch } from '../page/text_search';

const PERIOD_MILLISECONDS = 1500;
const NEAR_END_PIXELS = 40;

class Stream {
  readonly element: HTMLElement;
  readonly text = element('pre', { tabindex: '0' });
  private readonly cut = element('p', { class: 'hint' });

  constructor(title: string, testId: string) {
    this.text.dataset.testid = testId;
    this.text.setAttribute('aria-label', title);
    this.element = element('section', { hidden: true }, element('h2', {}, title), this.cut, this.text);
  }

  show(text: string, start: number, continues: boolean): void {
    if (!continues) {
      this.text.textContent = '';
      this.cut.textContent =
        start > 0 ? `The first ${start.toLocaleString('en-US')} bytes are not kept.` : '';
    }
    if (text !== '') this.text.append(text);
    this.element.hidden = this.text.textContent === '';
  }
}

class LogDialog {
  private readonly stdout = new Stream('Output', 'log-stdout');
  private readonly stderr = new Stream('Messages and errors', 'log-stderr');
  private readonly note = element('p', { class: 'hint', role: 'status', 'data-testid': 'log-note' });
  private readonly body: HTMLElement;
  private readonly dialog: HTMLDialogElement;
  private readonly search: TextSearch;
  private cursor: string | undefined;
  private timer: number | undefined;

  constructor(
    private readonly api: OperationsApi,
    private readonly job: Job,
  ) {
    this.body = element('div', { class: 'log-body' }, this.stdout.element, this.stderr.element);
    this.search = new TextSearch(this.body, [this.stdout.text, this.stderr.text]);
    const pill = new Pill();
    pill.show(job.state);
    const close = element(
      'button',
      {
        class: 'small',
        'aria-label': 'Close the log',
        'data-testid': 'close-log',
        onclick: () => {
          this.dialog.close();
        },
      },
      '×',
    );
    this.dialog = element(
      'dialog',
      { class: 'log', 'aria-label': `Log of ${job.name}`, 'data-testid': 'log' },
      element(
        'header',
        {},
        element('div', { class: 'row' }, pill.element, element('h1', {}, job.name), close),
        element('p', { class: 'hint' }, [job.experiment, job.host, job.reason].filter(Boolean).join(' · ')),
        element('p', { class: 'error' }, job.error ?? ''),
        this.search.element,
        this.note,
      ),
      this.body,
    );
    this.dialog.addEventListener('close', () => {
      window.clearTimeout(this.timer);
      this.timer = undefined;
      this.dialog.remove();
    });
  }

  open(): void {
    document.body.append(this.dialog);
    this.dialog.showModal();
    void this.read();
  }

  private async read(): Promise<void> {
    let isLive = true;
    try {
      const log = await this.api.log(this.job, this.cursor);
      isLive = log.live;
      this.show(log);
    } catch (error) {
      this.note.textContent = messageOf(error);
    }
    if (isLive && this.dialog.open) {
      this.timer = window.setTimeout(() => void this.read(), PERIOD_MILLISECONDS);
    }
  }

  private show(log: JobLog): void {
    const { body } = this;
    const isAtEnd = body.scrollHeight - body.scrollTop - body.clientHeight < NEAR_END_PIXELS;
    const isNew = log.stdout !== '' || log.stderr !== '' || !log.continues;
    this.stdout.show(log.stdout, log.stdout_start, log.continues);
    this.stderr.show(log.stderr, log.stderr_start, log.continues);
    this.cursor = log.cursor;
    const isEmpty = this.stdout.element.hidden && this.stderr.element.hidden;
    const attempt = log.attempt > 1 ? ` Attempt ${log.attempt}.` : '';
    if (log.live) this.note.textContent = `${isEmpty ? 'Nothing printed yet' : 'Live'} …${attempt}`;
    else this.note.textContent = isEmpty ? 'The job printed nothing.' : `The job has ended.${attempt}`;
    if (isNew) this.search.refresh();
    if (isAtEnd && isNew && log.live) body.scrollTop = body.scrollHeight;
  }
}

/** Opens the log of a job over the page. */
export function showLog(api: OperationsApi, job: Job): void {
  new LogDialog(api, job).open();
}
