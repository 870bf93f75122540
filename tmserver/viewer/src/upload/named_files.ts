/** Files as they are called on the server: with the folders below the one that was chosen. */

export interface NamedFile {
  readonly name: string;
  readonly file: File;
}

/** Files that were chosen, one by one or as a folder. */
export function namedFiles(files: readonly File[]): NamedFile[] {
  return files.map((file) => ({ name: belowRoot(file.webkitRelativePath) || file.name, file }));
}

/** Files that were dropped, and those of folders that were. */
export async function droppedFiles(transfer: DataTransfer): Promise<NamedFile[]> {
  // entries are gone as soon as the event has been handled
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = (await Promise.all(entries.map((entry) => filesIn(entry, '')))).flat();
  const isOneFolder = entries.length === 1 && entries[0]?.isDirectory === true;
  return isOneFolder ? found.map(({ name, file }) => ({ name: belowRoot(name), file })) : found;
}

function belowRoot(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}

async function filesIn(entry: FileSystemEntry, folder: string): Promise<NamedFile[]> {
  const name = folder + entry.name;
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    return [{ name, file }];
  }
  if (!isDirectory(entry)) return [];
  const inside = await allEntries(entry.createReader());
  return (await Promise.all(inside.map((each) => filesIn(each, `${name}/`)))).flat();
}

/** A reader gives a hundred entries at a time, and none at the end. */
async function allEntries(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all;
    all.push(...some);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
