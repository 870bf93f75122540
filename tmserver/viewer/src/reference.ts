import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle';
import 'swagger-ui-dist/swagger-ui.css';

import './reference.css';
import { proofOfPage } from './api';

const page = document.querySelector<HTMLElement>('#reference');

// Requests that are tried out go with the cookies of whoever is logged in to the viewer.
SwaggerUI({
  url: page?.dataset.document ?? 'api/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    const headers = request.headers as Record<string, string>;
    return { ...request, headers: { ...headers, ...proofOfPage() } };
  },
});
