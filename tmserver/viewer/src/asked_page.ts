/** The page that somebody has asked for before a provider of logins took the place of all pages. */

const KEY = 'tmserver.asked-page';

/** Keeps which page the address asks for, in this tab. */
export function keepAskedPage(): void {
  try {
    sessionStorage.setItem(KEY, location.search);
  } catch {
    // A browser that lets pages keep nothing: the login leads to the first page.
  }
}

/** The address of the page that was kept, once; undefined if there is none. */
export function takeAskedPage(): string | undefined {
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return ownAddress(kept);
  } catch {
    return undefined;
  }
}

/** An address if it is of a page of this application, which all begin so. */
export function ownAddress(text: string | null): string | undefined {
  return text !== null && text.length > 1 && text.startsWith('?') ? text : undefined;
}
