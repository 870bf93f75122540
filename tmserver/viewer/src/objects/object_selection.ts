/** The selection: objects of one type, the same for the map and for all views beside it. */

/** On the map and in all views; no other thing on the map has it. */
export const SELECTION_COLOUR = '#e4572e';

/**
 * Which of the objects at a place a click adds to the selection: one of a type, if there is any, and
 * none of another; without a type the first that was segmented, and not the site or well around it.
 */
export function objectToAdd<T extends { readonly typeName: string; readonly isStatic: boolean }>(
  found: readonly T[],
  typeName: string | undefined,
): T | undefined {
  return found.find((each) => (typeName === undefined ? !each.isStatic : each.typeName === typeName));
}

export class ObjectSelection {
  private selected: ReadonlySet<number> = new Set();
  private type = '';
  /** Tells late answers from those to what was selected or asked for last. */
  private visit = 0;
  private readonly listeners: (() => void)[] = [];

  /** The type of the selected objects; '' when nothing was ever selected. */
  get typeName(): string {
    return this.type;
  }

  /** Ids of the selected objects of a type. */
  of(typeName: string): ReadonlySet<number> {
    return typeName === this.type ? this.selected : new Set();
  }

  /** Selects these objects in place of all others. */
  replace(typeName: string, ids: Iterable<number>): void {
    this.visit += 1;
    this.type = typeName;
    this.selected = new Set(ids);
    for (const listener of this.listeners) listener();
  }

  /** Selects what is still being asked for, unless something else is selected or asked for meanwhile. */
  async replaceBy(typeName: string, asked: Promise<Iterable<number>>): Promise<void> {
    const visit = ++this.visit;
    const ids = await asked;
    if (visit === this.visit) this.replace(typeName, ids);
  }

  /** Adds objects to those of the type, or takes out those that are all selected already. */
  toggle(typeName: string, ids: readonly number[]): void {
    const changed = new Set(this.of(typeName));
    const areAll = ids.every((id) => changed.has(id));
    for (const id of ids) {
      if (areAll) changed.delete(id);
      else changed.add(id);
    }
    this.replace(typeName, changed);
  }

  clear(): void {
    this.replace(this.type, []);
  }

  /** Calls back each time when other objects are selected. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }
}
