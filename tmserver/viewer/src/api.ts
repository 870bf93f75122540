/** The server's HTTP interface, as far as the viewer uses it. */

import type {
  Acquisition,
  Channel,
  Experiment,
  LoginProvider,
  MapobjectType,
  Plate,
  Profile,
  StoredConditions,
  TileJson,
  Validity,
} from './api_types';
import { cookie } from './cookies';

const NO_CONTENT = 204;

/** What the server answered, or why no answer came (status 0), in words for the user. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The sentence to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the server has answered that it will not; all else may go well when it is tried again. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}

async function failureOf(response: Response): Promise<ApiError> {
  let message = `The server answered with status ${response.status}.`;
  try {
    // The second form is that of the facility.
    const body = (await response.json()) as { error?: { message?: unknown }; detail?: unknown };
    const told = body.error?.message ?? body.detail;
    if (typeof told === 'string') message = told;
  } catch {
    // Not JSON, as from a proxy in between: the status has to say it.
  }
  return new ApiError(message, response.status);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch {
    throw new ApiError('The server does not answer. Check the connection and try again.', 0);
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** Requests on behalf of the user who is logged in; addresses are relative to the page. */
export class Api {
  /** Called when the server no longer knows the user. */
  onUnauthorized: (() => void) | undefined;

  /** Asks who is logged in; null if nobody is. */
  async currentUser(): Promise<Profile | null> {
    try {
      const response = await send('auth/user', {});
      return ((await response.json()) as { data: Profile }).data;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  }

  /** Opens a session, kept in an HttpOnly cookie; throws ApiError when it is refused. */
  async login(username: string, password: string): Promise<void> {
    await send('auth/cookie', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
  }

  /** What else than a password logs a browser in. */
  loginProviders(): Promise<LoginProvider[]> {
    return this.data('auth/providers');
  }

  async logout(): Promise<void> {
    await send('auth/cookie', { method: 'DELETE', headers: proofOfPage() });
  }

  experiments(): Promise<Experiment[]> {
    return this.data('api/experiments');
  }

  experiment(id: string): Promise<Experiment> {
    return this.data(experimentPath(id));
  }

  channels(experimentId: string): Promise<Channel[]> {
    return this.data(`${experimentPath(experimentId)}/channels`);
  }

  mapobjectTypes(experimentId: string): Promise<MapobjectType[]> {
    return this.data(`${experimentPath(experimentId)}/mapobject_types`);
  }

  plates(experimentId: string): Promise<Plate[]> {
    return this.data(`${experimentPath(experimentId)}/plates`);
  }

  /** Finds an acquisition by its name and that of its plate, and makes what is not there yet. */
  async acquisition(experimentId: string, plateName: string, name: string): Promise<Acquisition> {
    const path = experimentPath(experimentId);
    const plate = (await this.plates(experimentId)).find((each) => each.name === plateName);
    if (plate === undefined) await this.post(`${path}/plates`, { name: plateName });
    const found = plate?.acquisitions.find((each) => each.name === name);
    if (found !== undefined) return found;
    const body = { plate_name: plateName, name };
    return ((await this.post(`${path}/acquisitions`, body)) as { data: Acquisition }).data;
  }

  /** Whether each name is one that the microscope of the experiment gives. */
  async checkNames(
    experimentId: string,
    acquisitionId: string,
    names: readonly string[],
  ): Promise<readonly boolean[]> {
    const path = `${acquisitionPath(experimentId, acquisitionId)}/upload/validity-check`;
    return ((await this.post(path, { files: names })) as Validity).is_valid;
  }

  /** Announces files; the answer names all of the experiment that are still to be sent. */
  async register(
    experimentId: string,
    acquisitionId: string,
    names: readonly string[],
  ): Promise<string[]> {
    const path = `${acquisitionPath(experimentId, acquisitionId)}/upload/register`;
    return ((await this.post(path, { files: names })) as { data: string[] }).data;
  }

  /** Replaces what was done to the wells of a plate by what a CSV file says. */
  async putConditions(path: string, file: Blob): Promise<StoredConditions> {
    const headers = { 'Content-Type': 'text/csv', ...proofOfPage() };
    const answer = await this.sendLoggedIn(path, { method: 'PUT', headers, body: file });
    return ((await answer.json()) as { data: StoredConditions }).data;
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this.get(path)).arrayBuffer();
  }

  tileJson(experimentId: string, layerId: string): Promise<TileJson> {
    return this.json(`${layerPath(experimentId, layerId)}/tilejson`) as Promise<TileJson>;
  }

  /** A body that is not wrapped in `data`, such as TileJSON. */
  async json(path: string): Promise<unknown> {
    return (await this.get(path)).json();
  }

  async data<T>(path: string): Promise<T> {
    return ((await this.json(path)) as { data: T }).data;
  }

  /** Asks with more than an address may hold. */
  async query<T>(path: string, query: Readonly<Record<string, string>>): Promise<T> {
    const body = new URLSearchParams(query);
    const answer = await this.sendLoggedIn(path, { method: 'POST', headers: proofOfPage(), body });
    return ((await answer.json()) as { data: T }).data;
  }

  /** Changes something; what is sent and what is answered, if anything is, is JSON. */
  async send(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json', ...proofOfPage(), ...more };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await this.sendLoggedIn(path, { method, headers, ...content });
    return answer.status === NO_CONTENT ? null : answer.json();
  }

  /** Lets the server do something; the whole answer. */
  post(path: string, body: unknown): Promise<unknown> {
    return this.send('POST', path, body);
  }

  private get(path: string): Promise<Response> {
    return this.sendLoggedIn(path, {});
  }

  private async sendLoggedIn(path: string, init: RequestInit): Promise<Response> {
    try {
      return await send(path, init);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.onUnauthorized?.();
      throw error;
    }
  }
}

/** The header without which the server lets no page change anything. */
export function proofOfPage(): Record<string, string> {
  const token = cookie('csrf_access_token');
  return token === undefined ? {} : { 'X-CSRF-TOKEN': token };
}

export function acquisitionPath(experimentId: string, id: string): string {
  return `${experimentPath(experimentId)}/acquisitions/${encodeURIComponent(id)}`;
}

export function experimentPath(id: string): string {
  return `api/experiments/${encodeURIComponent(id)}`;
}

export function layerPath(experimentId: string, id: string): string {
  return `${experimentPath(experimentId)}/segmentation_layers/${encodeURIComponent(id)}`;
}
