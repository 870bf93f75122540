/** The page on which images are uploaded to an experiment. */

import type { Api } from '../api';
import type { Experiment, Plate } from '../api_types';
import { acquisitionPath, messageOf } from '../api';
import { element } from '../page/dom';
import { counted, formatBytes, formatDuration, listed } from '../page/format';
import { setUpAddress } from '../workflow/address';
import { FileUploads } from './file_uploads';
import { type NamedFile, droppedFiles, namedFiles } from './named_files';
import { Pace } from './pace';
import { PlateList } from './plate_list';

const SHOWN_FAILURES = 10;

export class UploadPage {
  readonly element: HTMLElement;
  private readonly plateName = element('input', { name: 'plate' });
  private readonly acquisitionName = element('input', { name: 'acquisition' });
  private readonly message = element('p', { role: 'status', 'data-testid': 'upload-message' });
  private readonly failures = element('ul', { class: 'failures', 'data-testid': 'upload-failures' });
  private readonly progress = element('progress', { max: '1', hidden: true });
  private readonly stopButton: HTMLButtonElement;
  /** What was chosen, before anything of it is sent. */
  private readonly choice = element('p', { class: 'hint', 'data-testid': 'upload-choice' });
  private readonly plates: PlateList;
  private pace = new Pace();
  private uploads: FileUploads | undefined;
  private isBusy = false;
  private isDisposed = false;

  constructor(
    private readonly api: Api,
    private readonly experiment: Experiment,
    plates: readonly Plate[],
    back: HTMLElement,
  ) {
    this.plates = new PlateList(api, experiment.id, plates);
    const acquisitions = plates.flatMap((plate) => plate.acquisitions);
    this.stopButton = element(
      'button',
      { hidden: true, 'data-testid': 'upload-stop', onclick: () => this.uploads?.stop() },
      'Stop',
    );
    this.element = element(
      'div',
      { class: 'centred' },
      element(
        'main',
        { class: 'card upload', 'data-testid': 'upload' },
        element('header', {}, back, element('h1', {}, `Upload images to “${experiment.name}”`)),
        nameField('Plate', this.plateName, 'Plate 1', plates),
        nameField('Acquisition', this.acquisitionName, 'Acquisition 1', acquisitions),
        this.dropZone(),
        element('div', { class: 'row' }, this.progress, this.stopButton),
        this.choice,
        this.message,
        this.failures,
        this.plates.element,
        element(
          'a',
          { href: setUpAddress(experiment.id), class: 'button', 'data-testid': 'set-up-link' },
          'Go on: what to do with the images',
        ),
      ),
    );
  }

  /** Breaks off what is under way, when the page is left. */
  dispose(): void {
    this.isDisposed = true;
    this.uploads?.stop();
  }

  private dropZone(): HTMLElement {
    const upload = (chosen: File[]): void => void this.upload(Promise.resolve(namedFiles(chosen)));
    const files = fileInput('upload-files', upload);
    const folder = fileInput('upload-folder', upload);
    folder.webkitdirectory = true;
    const zone = element(
      'div',
      { class: 'drop-zone' },
      element('p', {}, 'Drop files or folders here, or choose'),
      element('label', { class: 'button' }, 'files', files),
      element('label', { class: 'button' }, 'a folder', folder),
      element(
        'p',
        { class: 'hint' },
        `Images and metadata as the microscope wrote them (${this.experiment.microscope_type}). ` +
          'To go on after an interruption, choose the same files again.',
      ),
    );
    zone.addEventListener('dragover', (event) => {
      event.preventDefault();
      zone.classList.add('over');
    });
    zone.addEventListener('dragleave', () => {
      zone.classList.remove('over');
    });
    zone.addEventListener('drop', (event) => {
      event.preventDefault();
      zone.classList.remove('over');
      if (event.dataTransfer !== null) void this.upload(droppedFiles(event.dataTransfer));
    });
    return zone;
  }

  private async upload(choice: Promise<NamedFile[]>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.failures.replaceChildren();
    try {
      const chosen = await choice;
      if (chosen.length === 0) return;
      const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
      this.choice.textContent = `Chosen: ${describeChoice(chosen)}, ${formatBytes(bytes)}.`;
      this.message.textContent = `Looking at ${chosen.length} files …`;
      await this.sendTo(this.plateName.value.trim(), this.acquisitionName.value.trim(), chosen);
    } catch (error) {
      this.message.textContent = messageOf(error);
    } finally {
      this.isBusy = false;
      this.uploads = undefined;
      this.progress.hidden = this.stopButton.hidden = true;
    }
  }

  private async sendTo(plate: string, name: string, chosen: readonly NamedFile[]): Promise<void> {
    const { id } = this.experiment;
    const acquisition = await this.api.acquisition(id, plate, name);
    const names = chosen.map((file) => file.name);
    const valid = await this.api.checkNames(id, acquisition.id, names);
    const others = names.filter((_, index) => valid[index] !== true);
    const fitting = chosen.filter((_, index) => valid[index] === true);
    // all names, so that the server can say why if none is that of an image
    const missing = new Set(await this.api.register(id, acquisition.id, names));
    // The page may have been left before there was anything to stop.
    if (this.isDisposed) return;
    const files = fitting.filter((file) => missing.has(file.name));
    const leftOut = others.length === 0 ? '' : ` Left out, by their names: ${listed(others)}.`;
    const endpoint = new URL(`${acquisitionPath(id, acquisition.id)}/tus`, document.baseURI);
    const uploads = new FileUploads(endpoint.href, files, () => {
      this.showProgress(uploads);
    });
    this.uploads = uploads;
    this.pace = new Pace();
    this.progress.hidden = this.stopButton.hidden = false;
    this.showProgress(uploads);
    await uploads.run();
    await this.plates.refresh();
    this.showEnd(uploads, fitting.length - files.length, leftOut);
  }

  private showProgress(uploads: FileUploads): void {
    const { sentBytes, totalBytes, sentFiles, files } = uploads;
    this.progress.value = totalBytes === 0 ? 1 : sentBytes / totalBytes;
    this.message.textContent =
      `${sentFiles} of ${files.length} files, ` +
      `${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}${this.describePace(uploads)}`;
  }

  /** How fast it goes, and how long it still takes at that rate; empty while nobody can tell. */
  private describePace({ sentBytes, totalBytes }: FileUploads): string {
    this.pace.note(sentBytes, performance.now() / 1000);
    const { bytesPerSecond } = this.pace;
    if (bytesPerSecond === null) return '';
    const left = formatDuration((totalBytes - sentBytes) / bytesPerSecond);
    return ` · ${formatBytes(bytesPerSecond)} per second · about ${left} left`;
  }

  private showEnd(uploads: FileUploads, n_before: number, leftOut: string): void {
    const { sentFiles, files, failures } = uploads;
    const before = n_before === 0 ? '' : ` ${n_before} had arrived before.`;
    const open = files.length - sentFiles;
    const hint = open === 0 ? '' : ' Choose the files again to send what is missing.';
    this.message.textContent =
      `${sentFiles} of ${files.length} files have arrived.${before}${leftOut}${hint}`;
    this.failures.replaceChildren(
      ...failures.slice(0, SHOWN_FAILURES).map(({ name, message }) =>
        element('li', { class: 'error' }, `${name}: ${message}`),
      ),
    );
  }
}

/** How many files, and in how many folders if there are some. */
function describeChoice(chosen: readonly NamedFile[]): string {
  const folders = new Set(chosen.map(({ name }) => name.slice(0, name.lastIndexOf('/') + 1)));
  const files = counted(chosen.length, 'file');
  return folders.size > 1 ? `${files} in ${counted(folders.size, 'folder')}` : files;
}

/** A field for a name, which offers those that exist. */
function nameField(
  label: string,
  input: HTMLInputElement,
  usual: string,
  existing: readonly { readonly name: string }[],
): HTMLElement {
  const names = [...new Set(existing.map((each) => each.name))];
  const list = element(
    'datalist',
    { id: `${input.name}-names` },
    ...names.map((value) => element('option', { value })),
  );
  input.setAttribute('list', list.id);
  input.value = names[0] ?? usual;
  return element('label', { class: 'field' }, label, input, list);
}

function fileInput(testId: string, onChoice: (files: File[]) => void): HTMLInputElement {
  const input = element('input', { type: 'file', multiple: true, 'data-testid': testId });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // so that choosing the same files again is a change
    input.value = '';
    onChoice(files);
  });
  return input;
}
